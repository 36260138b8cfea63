// Each form exactly as its own libraries write it: what is accepted here must never be refused by the one that verifies
// it, as nobody could tell then whether it was the key that is wrong.
#include "key/hash_form.hpp"

#include <algorithm>
#include <array>

#include "base/bytes.hpp"
#include "base/digits.hpp"

namespace keyward {

namespace {

// How much is done in a millisecond, by reckoning: about half of what a core of 2020 does.
constexpr std::uint64_t kArgon2KibPerMs = 512;
constexpr std::uint64_t kScryptBlocksPerMs = 1600;  // N * r * p
constexpr std::uint64_t kSha512CryptRoundsPerMs = 1000;
constexpr std::uint64_t kPbkdf2Sha256PerMs = 1250;
constexpr std::uint64_t kPbkdf2Sha512PerMs = 800;

constexpr std::string_view kCryptDigits = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

// One after the other, what a text consists of.
class Reader {
 public:
  explicit Reader(std::string_view text) noexcept : rest_(text) {}

  bool skip(std::string_view word) noexcept {
    if (rest_.substr(0, word.size()) != word) {
      return false;
    }
    rest_.remove_prefix(word.size());
    return true;
  }
  // A number as it is printed: without leading zeros.
  bool number(std::uint64_t most, std::uint64_t *value) noexcept {
    const bool has_zero = rest_.size() > 1 && rest_[0] == '0' && rest_[1] >= '0' && rest_[1] <= '9';
    return !has_zero && take_digits(&rest_, most, value);
  }
  // Up to the next '$', which is taken, too.
  bool part(std::string_view *text) noexcept {
    const std::size_t end = rest_.find('$');
    *text = rest_.substr(0, end);
    rest_.remove_prefix(end == std::string_view::npos ? rest_.size() : end + 1);
    return end != std::string_view::npos;
  }
  std::string_view rest() const noexcept { return rest_; }
  // crypt(3)'s digit; 64 for anything else.
  std::uint64_t digit() noexcept {
    const std::size_t at = rest_.empty() ? std::string_view::npos : kCryptDigits.find(rest_[0]);
    rest_.remove_prefix(rest_.empty() ? 0 : 1);
    return at == std::string_view::npos ? kCryptDigits.size() : at;
  }

 private:
  std::string_view rest_;
};

// How many bytes a text decodes to; 0 where it doesn't, or where it is empty.
std::size_t bytes_of(Base64 base64, std::string_view text) noexcept {
  std::array<std::uint8_t, 64> bytes;
  std::size_t size = 0;
  return from_base64(base64, text, bytes.data(), bytes.size(), &size) ? size : 0;
}

bool is_crypt_text(std::string_view text) noexcept {
  return text.find_first_not_of(kCryptDigits) == std::string_view::npos;
}

// crypt(3)'s digits for so many bits, of which the last one's unused bits are zero.
bool is_crypt_bits(std::string_view text, std::size_t bits) noexcept {
  const std::size_t digits = (bits + 5) / 6, used = bits - 6 * (digits - 1);
  return text.size() == digits && is_crypt_text(text) && kCryptDigits.find(text.back()) < std::size_t{1} << used;
}

HashFault weigh(const HashForm &form) noexcept {
  return form.memory_bytes > kMaxHashMemoryBytes    ? HashFault::too_much_memory
         : form.milliseconds > kMaxHashMilliseconds ? HashFault::too_slow
                                                    : HashFault::none;
}

HashFault parse_argon2(std::string_view text, HashForm *form) noexcept {
  constexpr std::uint64_t kMost = 0xffffffff, kMaxLanes = 255, kBlockBytes = 1024;
  std::uint64_t memory = 0, passes = 0, lanes = 0;
  std::string_view salt;
  Reader in(text);
  if (!in.skip("v=19$m=") || !in.number(kMost, &memory) || !in.skip(",t=") || !in.number(kMost, &passes) ||
      !in.skip(",p=") || !in.number(kMaxLanes, &lanes) || !in.skip("$") || !in.part(&salt)) {
    return HashFault::malformed;
  }
  if (passes == 0 || lanes == 0 || memory < 8 * lanes || bytes_of(Base64::unpadded, salt) < 8 ||
      bytes_of(Base64::unpadded, in.rest()) < 16) {
    return HashFault::malformed;
  }
  form->memory_bytes = memory * kBlockBytes;
  form->milliseconds = weigh(*form) == HashFault::none ? memory * passes / kArgon2KibPerMs : 0;
  return weigh(*form);
}

HashFault weigh_scrypt(std::uint64_t log_n, std::uint64_t r, std::uint64_t p, HashForm *form) noexcept {
  constexpr std::uint64_t kMostLog = 32;  // so that nothing below overflows
  const std::uint64_t blocks = (std::uint64_t{1} << std::min(log_n, kMostLog)) * std::min(r, std::uint64_t{1} << 20);
  form->memory_bytes = 128 * blocks;
  form->milliseconds = weigh(*form) == HashFault::none ? blocks * p / kScryptBlocksPerMs : 0;
  return weigh(*form);
}

// N as one digit, r and p as five each, the lowest first.
HashFault parse_scrypt(std::string_view text, HashForm *form) noexcept {
  constexpr std::size_t kMaxSalt = 86;
  Reader in(text);
  const std::uint64_t log_n = in.digit();
  std::array<std::uint64_t, 2> factors = {};
  bool good = log_n >= 1 && log_n < 64;
  for (std::uint64_t &factor : factors) {
    for (unsigned shift = 0; shift < 30; shift += 6) {
      const std::uint64_t digit = in.digit();
      good = good && digit < 64;
      factor |= digit << shift;
    }
  }
  std::string_view salt;
  if (!good || factors[0] == 0 || factors[1] == 0 || !in.part(&salt) || salt.empty() || salt.size() > kMaxSalt ||
      !is_crypt_text(salt) || !is_crypt_bits(in.rest(), 256)) {
    return HashFault::malformed;
  }
  return weigh_scrypt(log_n, factors[0], factors[1], form);
}

// "j", which is what crypt_gensalt() writes, and N and r in one digit each.
HashFault parse_yescrypt(std::string_view text, HashForm *form) noexcept {
  constexpr std::uint64_t kOneDigit = 47;  // larger ones begin a number of several digits
  constexpr std::uint64_t kLeastLog = 10;
  Reader in(text);
  const bool usual = in.skip("j");
  const std::uint64_t log_n = in.digit() + 1, r = in.digit() + 1;
  std::string_view salt;
  if (!usual || log_n > kOneDigit + 1 || log_n < kLeastLog || r > kOneDigit + 1 || !in.skip("$") || !in.part(&salt) ||
      salt.empty() || salt.size() > 86 || salt.size() % 4 == 1 || !is_crypt_bits(salt, salt.size() * 6 / 8 * 8) ||
      !is_crypt_bits(in.rest(), 256)) {
    return HashFault::malformed;
  }
  return weigh_scrypt(log_n, r, 1, form);
}

HashFault parse_sha512_crypt(std::string_view text, HashForm *form) noexcept {
  constexpr std::uint64_t kUsual = 5000, kLeast = 1000, kMost = 999999999;
  constexpr std::size_t kMaxSalt = 16;
  std::uint64_t rounds = kUsual;
  std::string_view salt;
  Reader in(text);
  if ((in.skip("rounds=") && (!in.number(kMost, &rounds) || rounds < kLeast || !in.skip("$"))) || !in.part(&salt) ||
      salt.size() > kMaxSalt || !is_crypt_text(salt) || !is_crypt_bits(in.rest(), 512)) {
    return HashFault::malformed;
  }
  form->milliseconds = rounds / kSha512CryptRoundsPerMs;
  return weigh(*form);
}

constexpr std::uint64_t kMaxIterations = 0x7fffffff;

std::size_t digest_bytes(const HashForm &form) noexcept { return form.scheme == HashScheme::pbkdf2_sha256 ? 32 : 64; }

HashFault weigh_pbkdf2(std::size_t size, HashForm *form) noexcept {
  const std::uint64_t blocks = (size + digest_bytes(*form) - 1) / digest_bytes(*form);
  form->milliseconds =
      form->iterations * blocks / (form->scheme == HashScheme::pbkdf2_sha256 ? kPbkdf2Sha256PerMs : kPbkdf2Sha512PerMs);
  return weigh(*form);
}

// Django's: the salt as it stands, the digest in base64.
HashFault parse_django(std::string_view text, HashForm *form) noexcept {
  constexpr std::size_t kMaxSalt = 128;
  Reader in(text);
  form->plain_salt = true;
  form->base64 = Base64::padded;
  const bool read = in.number(kMaxIterations, &form->iterations) && in.skip("$") && in.part(&form->salt);
  form->digest = in.rest();
  const bool printable = std::all_of(form->salt.begin(), form->salt.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (!read || form->iterations == 0 || form->salt.empty() || form->salt.size() > kMaxSalt || !printable ||
      bytes_of(form->base64, form->digest) != digest_bytes(*form)) {
    return HashFault::malformed;
  }
  return weigh_pbkdf2(digest_bytes(*form), form);
}

// passlib's ROUNDS$SALT$DIGEST in its own base64; or with parameters by name, i=ROUNDS,l=BYTES, in the usual one.
HashFault parse_pbkdf2(std::string_view text, HashForm *form) noexcept {
  constexpr std::size_t kLeastDigest = 16;
  Reader in(text);
  const bool named = in.skip("i=");
  std::uint64_t wanted = 0;
  form->base64 = named ? Base64::unpadded : Base64::adapted;
  const bool read = in.number(kMaxIterations, &form->iterations) &&
                    (!named || !in.skip(",l=") || in.number(64, &wanted)) && in.skip("$") && in.part(&form->salt);
  form->digest = in.rest();
  const std::size_t size = bytes_of(form->base64, form->digest);
  if (!read || form->iterations == 0 || (!form->salt.empty() && bytes_of(form->base64, form->salt) == 0) ||
      size < kLeastDigest || (named ? wanted != 0 && size != wanted : size != digest_bytes(*form))) {
    return HashFault::malformed;
  }
  return weigh_pbkdf2(size, form);
}

struct Scheme {
  std::string_view prefix;
  HashScheme scheme;
  HashFault (*parse)(std::string_view text, HashForm *form) noexcept;
  std::string_view example;
};
constexpr Scheme kSchemes[] = {
    {"$argon2id$", HashScheme::argon2id, parse_argon2, "$argon2id$v=19$m=65536,t=3,p=4$SALT$HASH"},
    {"$argon2i$", HashScheme::argon2i, parse_argon2, "$argon2i$v=19$m=65536,t=3,p=4$SALT$HASH"},
    {"$7$", HashScheme::scrypt, parse_scrypt, "$7$CU..../....SALT$HASH"},
    {"$y$", HashScheme::yescrypt, parse_yescrypt, "$y$j9T$SALT$HASH"},
    {"$6$", HashScheme::sha512_crypt, parse_sha512_crypt, "$6$rounds=5000$SALT$HASH"},
    {"pbkdf2_sha256$", HashScheme::pbkdf2_sha256, parse_django, "pbkdf2_sha256$600000$SALT$HASH"},
    {"$pbkdf2-sha256$", HashScheme::pbkdf2_sha256, parse_pbkdf2, "$pbkdf2-sha256$29000$SALT$HASH"},
    {"$pbkdf2-sha512$", HashScheme::pbkdf2_sha512, parse_pbkdf2, "$pbkdf2-sha512$25000$SALT$HASH"},
};

const Scheme *scheme_of(std::string_view text) noexcept {
  const auto *scheme = std::find_if(std::begin(kSchemes), std::end(kSchemes), [text](const Scheme &each) {
    return text.substr(0, each.prefix.size()) == each.prefix;
  });
  return scheme != std::end(kSchemes) ? scheme : nullptr;
}

}  // namespace

HashFault parse_hash(std::string_view text, HashForm *form) noexcept {
  *form = {};
  const Scheme *scheme = scheme_of(text);
  if (scheme == nullptr) {
    return HashFault::unknown;
  }
  form->scheme = scheme->scheme;
  return text.size() <= kMaxHashTextBytes ? scheme->parse(text.substr(scheme->prefix.size()), form)
                                          : HashFault::malformed;
}

std::string explain(HashFault fault, const HashForm &form, std::string_view text) {
  const Scheme *scheme = scheme_of(text);
  const std::string prefix(scheme != nullptr ? scheme->prefix : std::string_view());
  switch (fault) {
    case HashFault::none:
      return {};
    case HashFault::unknown:
      break;
    case HashFault::malformed:
      return "is no " + prefix + " that can be verified; one looks like " + std::string(scheme->example);
    case HashFault::too_much_memory:
      return "is a " + prefix + " that takes " + std::to_string(form.memory_bytes >> 20) +
             " MiB of memory for each run, and 256 is the most";
    case HashFault::too_slow:
      return "is a " + prefix + " that takes about " + std::to_string((form.milliseconds + 500) / 1000) +
             " s for each run, and 4 is the most";
  }
  if (text.substr(0, 2) == "$2") {
    return "is a bcrypt hash: give that as \"bcrypt\"";
  }
  std::string names;
  for (const Scheme &each : kSchemes) {
    names.append(names.empty() ? "" : ", ").append(each.prefix);
  }
  return "has to begin with one of " + names;
}

}  // namespace keyward
