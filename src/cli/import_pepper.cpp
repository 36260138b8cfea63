// Reading, comparing and keeping a pepper.
#include "cli/import_pepper.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/file.hpp"
#include "cli/outcome.hpp"
#include "store/environment/layout.hpp"
#include "store/environment/pepper.hpp"

namespace keyward::cli {
namespace {

// As for an HMAC's secret_file: the line's end behind a text isn't part of it.
void drop_line_end(std::string *text) {
  const std::size_t end = text->size() - (text->size() > 1 && text->substr(text->size() - 2) == "\r\n" ? 2 : 1);
  const bool is_line = !text->empty() && text->back() == '\n' &&
                       std::all_of(text->begin(), text->begin() + static_cast<std::ptrdiff_t>(end),
                                   [](char c) { return c >= ' ' && c <= '~'; });
  if (is_line) {
    text->resize(end);
  }
}

Outcome read_option(const InputFile &file, Secret *pepper) {
  if (file.is_standard_input()) {
    return wrong_usage("--pepper-file: name a file; standard input is for the keys");
  }
  std::string text;
  const bool read = file.error == 0 && read_whole(file.file.get(), kMaxPepperBytes, &text);
  const int why = file.error != 0 ? file.error : errno;
  const bool fits = text.size() <= kMaxPepperBytes;
  drop_line_end(&text);
  *pepper = Secret(std::move(text));
  if (!read) {
    return no("can't read " + file.value + ": " + std::strerror(why));
  }
  return fits && !pepper->empty()
             ? done()
             : no(file.value + " is no pepper: it has to have 1 to " + std::to_string(kMaxPepperBytes) + " bytes");
}

}  // namespace

Outcome ImportPepper::read(const InputFile &file, CredentialReader &reader, const std::string &store) {
  if (file.given) {
    if (auto outcome = read_option(file, &pepper_); !outcome.ok()) {
      return outcome;
    }
  }
  PepperDigest known = {};
  const Snapshot snapshot(reader);
  if (!snapshot.status().ok()) {
    return from_store(snapshot.status());
  }
  switch (reader.find_pepper(&known)) {
    case StoreCode::ok:
      break;
    case StoreCode::not_found:
      return done();
    default:
      return store_failed("which pepper the store has can't be read; `keyward store check` says more");
  }
  SecretStamp stamp;
  if (!file.given && !read_pepper(pepper_file(store), &pepper_, &stamp).ok()) {
    return done();  // whoever needs it is told
  }
  if (digest_of_pepper(pepper_.view()) != known) {
    pepper_.clear();
    return file.given ? no(file.value + " is another pepper than the store has already, and a store has one")
                      : store_failed(pepper_file(store) + " is not the pepper that keys were imported with");
  }
  return done();
}

StoreStatus ImportPepper::write(WriteTxn &txn, const std::string &store) const {
  const std::string path = pepper_file(store);
  StoreStatus status = txn.use_pepper(digest_of_pepper(view()));
  Secret present;
  SecretStamp stamp;
  const bool is_there = status.ok() && read_pepper(path, &present, &stamp).ok() && present.view() == view();
  return status.ok() && !is_there ? write_pepper(path, view()) : status;
}

}  // namespace keyward::cli
