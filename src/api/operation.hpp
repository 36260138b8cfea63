// What the operations of the API share.
#pragma once

#include <string>
#include <string_view>

#include "api/api.hpp"
#include "api/body.hpp"
#include "api/route.hpp"
#include "json/json.hpp"
#include "keys/caller.hpp"
#include "keys/mint.hpp"

namespace keyward::api {

// One request on its way.
struct Work {
  const Service &service;
  const Shape &shape;
  const KeyFormat &format;
  const Call &call;
  Route route;
  Seal seal;  // of the store as it was when the work began

  keys::Caller caller() const noexcept {
    return {call.who.get(), shape.is_admin, &service.policy, call.who->kind == Kind::token ? &call.token : nullptr};
  }
  Author author() const;
};

// An answer with a JSON document.
Reply with_body(std::uint16_t status, const json::Writer &body);
// What an operation of keys/ that didn't end well means to a client.
Reply refusal_of(const Work &work, const keys::Answer &answer);
Reply refusal_of(const StoreStatus &status);

// Of a record, by its seal: it changes with any change of it, and with nothing else.
std::string etag_of(const Digest &tag);
std::string etag_of(const Work &work, const KeyRecord &key);
// Whether If-Match lets it be changed (RFC 9110, section 13.1.1).
bool matches(std::string_view if_match, std::string_view etag) noexcept;

// Mints within the gate that bounds bcrypt over all workers. false: memory is exhausted, or the worker ends.
bool mint_within_gate(const Work &work, const keys::Minting &minting, keys::MintedKey *minted);

// In a write transaction of the caller's.
keys::Answer change_store(const Work &work, std::uint64_t wait_ms,
                          const std::function<keys::Answer(WriteTxn &)> &operation);

// A query's parameters: reads those that are known. false with a sentence: another one, or one twice.
struct Parameters {
  std::vector<std::pair<std::string, std::string>> all;
  const std::string *find(std::string_view name) const noexcept;
};
bool read_query(std::string_view query, const std::vector<std::string_view> &known, Parameters *parameters,
                std::string *error);
// The same text in a query.
std::string percent_encoded(std::string_view text);

// The operations (keys.cpp, lists.cpp, account.cpp, subjects.cpp).
Reply create_key(const Work &work);
Reply show_key(const Work &work);
Reply change_key(const Work &work);
Reply remove_key(const Work &work);
Reply rotate_key(const Work &work);
Reply suspend_key(const Work &work);
Reply resume_key(const Work &work);
Reply activate_key(const Work &work);
Reply list_keys(const Work &work);
Reply read_audit(const Work &work);
Reply tell_caller(const Work &work);
Reply list_subjects(const Work &work);
Reply show_subject(const Work &work);
Reply set_subject(const Work &work);
Reply remove_subject(const Work &work);
Reply show_limits(const Work &work);
Reply reset_limits(const Work &work);

// The document that describes all this (openapi.cpp).
std::string openapi_document(const Shape &shape, std::string_view place);

}  // namespace keyward::api
