// Whom limits count: kinds are kept apart, a principal without a subject is its own.
#include <gtest/gtest.h>

#include <set>

#include "auth/principal.hpp"

namespace keyward {
namespace {

constexpr DigestKey kSecret = {1, 2, 3};

TEST(CountedName, KeepsKindsPrincipalsAndZonesApart) {
  std::set<Digest> names;
  std::size_t made = 0;
  for (const DigestKey &secret : {kSecret, DigestKey{}}) {
    for (const Counted kind : {Counted::key, Counted::subject, Counted::address, Counted::failures, Counted::variable,
                               Counted::repeat, Counted::tool}) {
      for (const std::string_view who : {"", "a", "ka", "b"}) {
        names.insert(counted_name(secret, kind, who));
        ++made;
      }
    }
  }
  EXPECT_EQ(names.size(), made);
}

TEST(CountedName, IsThatOfTheFirstOfAKeysRotations) {
  Principal old, successor;
  old.counter = successor.counter = "key_1";
  old.key_id = "key_1";
  successor.key_id = "key_2";
  name_counts(kSecret, &old);
  name_counts(kSecret, &successor);
  EXPECT_EQ(old.counter_name, successor.counter_name);
}

TEST(CountedName, OfASubjectIsSharedByItsKeysOnly) {
  Principal a, b, alone;
  a.counter = "key_1";
  b.counter = "key_2";
  alone.counter = "acme";
  a.subject = b.subject = "acme";
  for (Principal *principal : {&a, &b, &alone}) {
    name_counts(kSecret, principal);
  }
  EXPECT_EQ(a.subject_name, b.subject_name);
  EXPECT_NE(a.counter_name, b.counter_name);
  EXPECT_EQ(alone.subject_name, alone.counter_name);
  EXPECT_NE(alone.subject_name, a.subject_name);
}

}  // namespace
}  // namespace keyward
