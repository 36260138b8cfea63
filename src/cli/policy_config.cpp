// keyward_plan, keyward_scope_implies, keyward_key_format and keyward_store, read by the rules that nginx has.
#include "cli/policy_config.hpp"

#include <algorithm>

#include "auth/policy_rules.hpp"
#include "cli/nginx_walk.hpp"

namespace keyward::cli {
namespace {

class PolicyReader : public NginxReader {
 public:
  explicit PolicyReader(ConfiguredPolicy *configured) : configured_(configured) {}

  bool wants(std::string_view text) const override { return text.find("keyward_") != std::string_view::npos; }

  Wrong on_directive(const Words &words, bool opens) override {
    configured_->has_issuer = configured_->has_issuer || (opens && words[0] == "keyward_issuer");
    if (opens || words.size() < 2) {
      return kGood;
    }
    const Wrong wrong = read(words);
    return wrong ? Wrong('"' + std::string(words[0]) + "\" directive: " + *wrong) : kGood;
  }

 private:
  Wrong read(const Words &words) {
    if (words[0] == "keyward_plan") {
      return add_plan(words, &configured_->policy);
    }
    if (words[0] == "keyward_scope_implies") {
      return add_implication(words, &configured_->policy);
    }
    if (words[0] == "keyward_key_format") {
      return add_key_format(words, &configured_->formats);
    }
    if (words[0] == "keyward_max_credential") {
      std::size_t bytes = 0;
      const Wrong wrong = read_max_credential(words[1], &bytes);
      configured_->max_credential = std::max(configured_->max_credential, bytes);
      return wrong;
    }
    if (words[0] == "keyward_store") {
      configured_->store = words[1];
      while (configured_->store.size() > 1 && configured_->store.back() == '/') {
        configured_->store.pop_back();
      }
    }
    return kGood;
  }

  ConfiguredPolicy *configured_;
};

}  // namespace

Outcome read_policy(std::string_view text, ConfiguredPolicy *configured, std::vector<std::string> *remarks) {
  const NginxDump dump(text);
  PolicyReader reader(configured);
  auto outcome = walk_configuration(dump, &reader, remarks);
  if (configured->formats.empty()) {
    configured->formats = KeyFormats(default_key_format());
  }
  return outcome;
}

}  // namespace keyward::cli
