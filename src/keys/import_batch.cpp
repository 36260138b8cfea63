// Checking and writing an import.
#include "keys/import_batch.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <numeric>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>

#include "base/digest.hpp"
#include "key/key_strength.hpp"
#include "key/verifier.hpp"
#include "keys/mint.hpp"
#include "store/environment/layout.hpp"

namespace keyward::keys {
namespace {

using Kind = ImportProblem::Kind;

ImportProblem problem(Kind kind, std::uint32_t line, std::uint32_t other_line = 0) {
  ImportProblem problem;
  problem.kind = kind;
  problem.line = line;
  problem.other_line = other_line;
  return problem;
}

bool is_damage(StoreCode code) noexcept { return code != StoreCode::ok && code != StoreCode::not_found; }

Answer damage() { return StoreStatus{StoreCode::damaged, {}}; }

}  // namespace

PlainKey take_plain_key(std::string_view text, const ImportRules &rules, ImportedKey *key) {
  if (text.empty() || !std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; })) {
    return PlainKey::not_sendable;
  }
  const bool is_bcrypt = rules.verifier.kind == VerifierKind::bcrypt;
  if (is_bcrypt && !fits_bcrypt(text)) {
    return PlainKey::too_long;
  }
  const auto format =
      std::find_if(rules.formats.begin(), rules.formats.end(), [&](const auto &each) { return each.matches(text); });
  const bool has_format = format != rules.formats.end();
  if (!has_format && !rules.weak && !looks_strong(text)) {
    return PlainKey::weak;
  }
  KeyRecord &record = key->record;
  const auto sha = sha256(text);
  record.indexed = true;
  record.locator = locator_of(sha);
  record.verifier_kind = rules.verifier.kind;
  if (is_bcrypt) {
    key->key = Secret(text);
  } else {
    record.verifier = view_of(sha);
  }
  key->shape = shape_of(text);
  if (record.preview.empty()) {
    record.preview = preview_of(text, has_format ? std::string_view(format->prefix) : kind_of(text));
  }
  return PlainKey::taken;
}

std::string_view Texts::add(std::string_view text) {
  if (text.empty()) {
    return {};
  }
  if (blocks_.empty() || kBlockBytes - used_ < text.size()) {
    blocks_.push_back(std::make_unique<char[]>(std::max(kBlockBytes, text.size())));
    used_ = 0;
  }
  char *at = blocks_.back().get() + used_;
  std::memcpy(at, text.data(), text.size());
  used_ = std::min(kBlockBytes, used_ + text.size());
  return {at, text.size()};
}

void ImportBatch::prepare(ImportedKey *key) {
  if (key->record.id.empty()) {
    key->record.id = new_key_id();
  }
  if (key->key.empty()) {
    key->content = encode(key->record);
  }
}

void ImportBatch::add(std::uint32_t line, ImportedKey &&key) {
  auto &record = key.record;
  if (!record.plan.empty()) {
    plans_.insert(record.plan);
  }
  needed_formats_.add(key.shape);
  const auto index = entries_.size();
  if (key.uses != 0 || key.last_used_s != 0) {
    used_.push_back({index, key.uses, key.last_used_s});
  }
  needs_pepper_ = needs_pepper_ || record.verifier_kind == VerifierKind::hmac_sha256 ||
                  record.locator_kind == LocatorKind::hmac_sha256;
  if (!record.indexed) {
    prefixes_[record.legacy_prefix].push_back({index, record.verifier});
  }
  Entry entry;
  entry.id = texts_.add(record.id);
  entry.content = texts_.add(key.content);
  entry.locator = record.locator;
  entry.indexed = record.indexed;
  entry.line = line;
  if (!key.key.empty()) {
    waiting_.push_back({index, std::move(record), std::move(key.key)});
  }
  entries_.push_back(std::move(entry));
}

void ImportBatch::check_ids_twice(const TellProblem &tell) {
  by_id_.resize(entries_.size());
  std::iota(by_id_.begin(), by_id_.end(), 0U);
  std::sort(by_id_.begin(), by_id_.end(), [this](auto a, auto b) {
    const auto order = entries_[a].id.compare(entries_[b].id);
    return order != 0 ? order < 0 : a < b;
  });
  for (std::size_t i = 1; i < by_id_.size(); ++i) {
    const auto &before = entries_[by_id_[i - 1]];
    const auto &entry = entries_[by_id_[i]];
    if (entry.id == before.id) {
      tell(problem(Kind::id_twice, entry.line, before.line));
    }
  }
}

void ImportBatch::check_hashes_twice(const TellProblem &tell) const {
  std::vector<std::uint32_t> order;
  order.reserve(entries_.size());
  for (std::uint32_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].indexed) {
      order.push_back(i);
    }
  }
  std::sort(order.begin(), order.end(),
            [this](auto a, auto b) { return std::tie(entries_[a].locator, a) < std::tie(entries_[b].locator, b); });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const auto &before = entries_[order[i - 1]];
    const auto &entry = entries_[order[i]];
    if (entry.locator == before.locator) {
      tell(problem(Kind::key_twice, entry.line, before.line));
    }
  }
}

Answer ImportBatch::check_store(CredentialReader &reader, const TellProblem &tell) const {
  Snapshot snapshot(reader);
  if (!snapshot.status().ok()) {
    return snapshot.status();
  }
  CredentialReader::FoundKey found;
  const auto tell_taken = [&](Kind kind, std::uint32_t line) {
    ImportProblem taken = problem(kind, line);
    taken.id = found.id;
    taken.is_revoked = found.key.state == KeyState::revoked;
    tell(taken);
  };
  for (const auto &entry : entries_) {
    const auto by_id = reader.find_key_by_id(entry.id, &found);
    if (by_id == StoreCode::ok) {
      tell_taken(Kind::id_taken, entry.line);
    }
    const auto by_hash = entry.indexed ? reader.find_key(entry.locator, &found) : StoreCode::not_found;
    if (by_hash == StoreCode::ok && by_id != StoreCode::ok) {
      tell_taken(Kind::key_taken, entry.line);
    }
    if (is_damage(by_id) || is_damage(by_hash)) {
      tell(problem(Kind::store_damaged, entry.line));
      return damage();
    }
  }
  return {};
}

Answer ImportBatch::check_prefixes(CredentialReader &reader, std::size_t candidates, const TellProblem &tell) const {
  Snapshot snapshot(reader);
  if (!snapshot.status().ok()) {
    return snapshot.status();
  }
  for (const auto &[prefix, keys] : prefixes_) {
    std::set<std::string> hashes;
    const auto code = reader.for_each_candidate(prefix, [&known = hashes](const CredentialReader::FoundKey &found) {
      known.emplace(found.key.verifier);
      return true;
    });
    if (is_damage(code)) {
      tell(problem(Kind::prefix_damaged, entries_[keys.front().entry].line));
      return damage();
    }
    const auto stored = hashes.size();
    for (const auto &key : keys) {
      const auto line = entries_[key.entry].line;
      if (!hashes.insert(key.hash).second) {
        ImportProblem twice = problem(Kind::hash_twice, line);
        twice.is_bcrypt = is_bcrypt_hash(key.hash);
        tell(twice);
      } else if (hashes.size() > candidates) {
        ImportProblem full = problem(Kind::prefix_full, line);
        full.stored = stored;
        tell(full);
      }
    }
  }
  return {};
}

Answer ImportBatch::check(CredentialReader &reader, std::size_t candidates, const TellProblem &tell) {
  check_ids_twice(tell);
  check_hashes_twice(tell);
  CredentialReader::Stats stats;
  if (StoreStatus status = reader.stats(&stats); !status.ok()) {
    return status;
  }
  const bool newer =
      std::any_of(entries_.begin(), entries_.end(), [](const Entry &entry) { return is_tagged_record(entry.content); });
  if (newer && stats.version < kJournalVersion) {
    return StoreStatus{StoreCode::other_version, kNeedsUpgrade};
  }
  const Answer answer = stats.keys > 0 ? check_store(reader, tell) : Answer();
  return answer.ok() ? check_prefixes(reader, candidates, tell) : answer;
}

bool ImportBatch::hash(int cost, const std::function<void(std::size_t done)> &progress) {
  std::atomic<std::size_t> next{0}, finished{0};
  std::atomic<bool> failed{false};
  const auto work = [&]() noexcept {
    for (auto i = next++; i < waiting_.size() && !failed; i = next++) {
      try {
        waiting_[i].record.verifier = bcrypt_hash(waiting_[i].key.view(), cost);
      } catch (const std::bad_alloc &) {
        waiting_[i].record.verifier.clear();
      }
      failed = failed || waiting_[i].record.verifier.empty();
      waiting_[i].key.clear();
      ++finished;
    }
  };
  std::vector<std::thread> threads;
  const auto wanted = std::min<std::size_t>(std::max(1U, std::thread::hardware_concurrency()), waiting_.size());
  for (std::size_t i = 0; i < wanted; ++i) {
    try {
      threads.emplace_back(work);
    } catch (const std::system_error &) {
      break;  // fewer do
    }
  }
  if (threads.empty()) {
    work();
  }
  while (!failed && finished < waiting_.size()) {
    progress(finished);
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  for (auto &thread : threads) {
    thread.join();
  }
  if (failed) {
    return false;
  }
  for (const auto &waiting : waiting_) {
    entries_[waiting.entry].content = texts_.add(encode(waiting.record));
  }
  return true;
}

Answer ImportBatch::write(WriteTxn &txn, std::size_t candidates,
                          const std::function<void(std::size_t done)> &progress) {
  for (const auto &[prefix, keys] : prefixes_) {
    std::size_t stored = 0;
    if (StoreStatus status = txn.count_candidates(prefix, &stored); !status.ok()) {
      return status;
    }
    if (stored + keys.size() > candidates) {
      return StoreStatus{StoreCode::exists,
                         "another writer has added keys with the same prefix meanwhile; import again"};
    }
  }
  const auto at = [this](std::size_t i) {
    const auto &entry = entries_[by_id_[i]];
    return NewKey{entry.id, entry.content};
  };
  return txn.add_keys({by_id_.size(), at}, progress);
}

std::vector<UsageDelta> ImportBatch::usage(const Seal &seal) const {
  std::vector<UsageDelta> deltas;
  deltas.reserve(used_.size());
  for (const auto &used : used_) {
    UsageDelta delta;
    delta.key = seal.usage_name(entries_[used.entry].id);
    delta.uses = used.uses;
    delta.last_used_s = used.last_used_s;
    deltas.push_back(delta);
  }
  return deltas;
}

}  // namespace keyward::keys
