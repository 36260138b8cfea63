// Checking and writing an import.
#include "cli/import_batch.hpp"

#include <sys/time.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <numeric>
#include <system_error>
#include <thread>
#include <tuple>
#include <utility>

#include "key/verifier.hpp"

namespace keyward::cli {
namespace {

constexpr char kIdPrefix[] = "key_";
constexpr std::size_t kKeptProblems = 1000;  // the lines of more are only counted

std::int64_t now_ms() {
  timeval now = {};
  gettimeofday(&now, nullptr);
  return static_cast<std::int64_t>(now.tv_sec) * 1000 + now.tv_usec / 1000;
}

std::string as_line(std::uint32_t line) { return "line " + std::to_string(line); }

}  // namespace

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
    key->record.id = new_id(kIdPrefix, now_ms());
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
  const auto index = entries_.size();
  if (key.uses != 0 || key.last_used_s != 0) {
    used_.push_back({index, key.uses, key.last_used_s});
  }
  if (record.verifier_kind == VerifierKind::legacy_prefix) {
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

void ImportBatch::add_bad(std::uint32_t line, std::string text) {
  if (bad_lines_.size() <= line) {
    bad_lines_.resize(std::size_t{line} + 1);
  }
  if (!bad_lines_[line]) {
    bad_lines_[line] = true;
    ++bad_count_;
  }
  if (problems_.size() < kKeptProblems) {
    problems_.push_back({line, std::move(text)});
  }
}

void ImportBatch::check_ids_twice() {
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
      add_bad(entry.line, "id is that of " + as_line(before.line) + ", too");
    }
  }
}

void ImportBatch::check_hashes_twice() {
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
      add_bad(entry.line, "its key is that of " + as_line(before.line) + ", too");
    }
  }
}

Outcome ImportBatch::check_store(CredentialReader &reader) {
  Snapshot snapshot(reader);
  if (!snapshot.status().ok()) {
    return from_store(snapshot.status());
  }
  CredentialReader::FoundKey found;
  for (const auto &entry : entries_) {
    const auto by_id = reader.find_key_by_id(entry.id, &found);
    if (by_id == StoreCode::ok) {
      add_bad(entry.line,
              "id is in the store already" + std::string(found.key.state == KeyState::revoked ? " (revoked)" : ""));
    }
    const auto by_hash = entry.indexed ? reader.find_key(entry.locator, &found) : StoreCode::not_found;
    if (by_hash == StoreCode::ok && by_id != StoreCode::ok) {
      add_bad(entry.line, "its key is in the store already, as " + std::string(found.id) +
                              (found.key.state == KeyState::revoked ? " (revoked)" : ""));
    }
    for (const auto code : {by_id, by_hash}) {
      if (code != StoreCode::ok && code != StoreCode::not_found) {
        return store_failed("the store is damaged where " + as_line(entry.line) +
                            " would go; `keyward store check` says more");
      }
    }
  }
  return done();
}

Outcome ImportBatch::check_prefixes(CredentialReader &reader, std::size_t candidates) {
  Snapshot snapshot(reader);
  if (!snapshot.status().ok()) {
    return from_store(snapshot.status());
  }
  for (const auto &[prefix, keys] : prefixes_) {
    std::set<std::string> hashes;
    const auto code = reader.for_each_candidate(prefix, [&known = hashes](const CredentialReader::FoundKey &found) {
      known.emplace(found.key.verifier);
      return true;
    });
    if (code != StoreCode::ok && code != StoreCode::not_found) {
      return store_failed("the store is damaged under the prefix of " + as_line(entries_[keys.front().entry].line));
    }
    const auto stored = hashes.size();
    for (const auto &key : keys) {
      const auto line = entries_[key.entry].line;
      if (!hashes.insert(key.hash).second) {
        add_bad(line, "its bcrypt hash is in the file or the store already");
      } else if (hashes.size() > candidates) {
        add_bad(line, "its prefix has more than " + std::to_string(candidates) + " keys, " + std::to_string(stored) +
                          " of them in the store; --candidates allows more, at one bcrypt run each");
      }
    }
  }
  return done();
}

Outcome ImportBatch::check(CredentialReader &reader, std::size_t candidates) {
  check_ids_twice();
  check_hashes_twice();
  CredentialReader::Stats stats;
  if (const auto status = reader.stats(&stats); !status.ok()) {
    return from_store(status);
  }
  if (stats.keys > 0) {
    if (auto outcome = check_store(reader); !outcome.ok()) {
      return outcome;
    }
  }
  return check_prefixes(reader, candidates);
}

Outcome ImportBatch::hash(int cost, const std::function<void(std::size_t done)> &progress) {
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
    return store_failed("bcrypt could not run: memory is exhausted");
  }
  for (const auto &waiting : waiting_) {
    entries_[waiting.entry].content = texts_.add(encode(waiting.record));
  }
  return done();
}

StoreStatus ImportBatch::write(WriteTxn &txn, std::size_t candidates,
                               const std::function<void(std::size_t done)> &progress) {
  for (const auto &[prefix, keys] : prefixes_) {
    std::size_t stored = 0;
    if (auto status = txn.count_candidates(prefix, &stored); !status.ok()) {
      return status;
    }
    if (stored + keys.size() > candidates) {
      return {StoreCode::exists, "another writer has added keys under the same prefix meanwhile"};
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

std::vector<BadLine> ImportBatch::take_bad_lines() {
  std::stable_sort(problems_.begin(), problems_.end(), [](const auto &a, const auto &b) { return a.line < b.line; });
  std::vector<BadLine> lines;
  for (auto &problem : problems_) {
    if (!lines.empty() && lines.back().line == problem.line) {
      lines.back() = std::move(problem);  // the later one: what the store has says more than what the file has
    } else {
      lines.push_back(std::move(problem));
    }
  }
  return lines;
}

}  // namespace keyward::cli
