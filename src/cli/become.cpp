// Finding out whose the store is, opening what is named beside it, and becoming that user for good.
#include "cli/become.hpp"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "base/quote.hpp"
#include "cli/child.hpp"
#include "cli/owner.hpp"
#include "cli/place.hpp"
#include "store/environment/failure.hpp"
#include "store/environment/rights.hpp"
#include "store/maintenance/maintenance.hpp"

namespace keyward::cli {
namespace {

// Whoever started the command may have left descriptors open that the store's owner has no right to.
bool close_all_but(const std::vector<InputFile *> &inputs) {
  std::vector<int> kept;
  kept.reserve(inputs.size());
  for (const auto *input : inputs) {
    kept.push_back(input->file.get());
  }
  std::sort(kept.begin(), kept.end());
  unsigned next = STDERR_FILENO + 1;
  for (const int fd : kept) {
    if (fd <= STDERR_FILENO) {
      continue;
    }
    const auto one = static_cast<unsigned>(fd);
    if (one > next && close_range(next, one - 1, 0) != 0) {
      return false;
    }
    next = std::max(next, one + 1);
  }
  return close_range(next, ~0U, 0) == 0;
}

// For good: real, effective and saved ids, and with them every capability.
Outcome become(const Owner &owner) {
  passwd entry = {};
  std::vector<char> buffer;
  const bool known = find_user(owner.user, &entry, &buffer);
  // A folder that was given away by `chown USER` is still root's group's: that is no group to become.
  const gid_t group = owner.group != 0 ? owner.group : known ? entry.pw_gid : static_cast<gid_t>(owner.user);
  const bool grouped = known ? initgroups(entry.pw_name, group) == 0 : setgroups(1, &group) == 0;
  if (!grouped || setresgid(group, group, group) != 0 || setresuid(owner.user, owner.user, owner.user) != 0) {
    return store_failed("the store belongs to " + name_of_user(owner.user) +
                        ", and this process can't become that user (" + std::strerror(errno) +
                        "; it takes CAP_SETUID and CAP_SETGID): run the command as that user");
  }
  if (setuid(0) == 0 || geteuid() != owner.user || getegid() != group) {
    return store_failed("this process is still root after setuid(): only root's own stores can be opened here");
  }
#ifndef __SANITIZE_ADDRESS__
  prctl(PR_SET_DUMPABLE, 0);  // which a change of ids may undo
#endif
  return done();
}

class Run {
 public:
  Run(Context &context, const StoreUse &use, const std::vector<InputFile *> &inputs,
      const std::function<Outcome()> &action)
      : context_(context), use_(use), inputs_(inputs), action_(action) {}

  Outcome as_root();
  Outcome act();

 private:
  bool names_folder() const { return use_.folder != nullptr && !use_.folder->value.empty(); }
  bool makes() const { return use_.only_looks == nullptr || !*use_.only_looks; }
  Outcome find_places();
  Outcome choose_owner();
  Outcome settle_new_store();
  Outcome check_folder();
  Outcome check_roots(const Place &place, const char *what) const;
  Outcome make(Place *place);
  Outcome run_here(bool in_child);
  Outcome reach(const Place &place, std::string *name);

  Context &context_;
  const StoreUse &use_;
  const std::vector<InputFile *> &inputs_;
  const std::function<Outcome()> &action_;
  Place store_, folder_;
  Owner owner_;
  std::vector<Place *> made_;
};

Outcome Run::find_places() {
  if (const auto status = store_.find(context_.store); !status.ok()) {
    return from_store(status);
  }
  if (!names_folder()) {
    return done();
  }
  const auto status = folder_.find(use_.folder->value);
  return status.ok() ? done() : store_failed(status.text);  // it isn't the store that is missing
}

Outcome Run::make(Place *place) {
  const auto status = place->make(owner_.user, owner_.group);
  if (status.ok()) {
    made_.push_back(place);
  }
  return status.ok() ? done() : store_failed(status.text);
}

// Of init.
Outcome Run::settle_new_store() {
  const bool named = use_.user != nullptr && use_.user->given;
  if (!store_.is_there()) {
    // In a folder that others may write, the store's owner makes it, if he may.
    return owner_.user == 0 || store_.only_root_leads_here() ? make(&store_) : done();
  }
  if (!named || store_.user() == owner_.user) {
    owner_ = {store_.user(), store_.group()};
    return done();
  }
  if (store_.user() != 0 || !store_.only_root_writes() || !store_.only_root_leads_here()) {
    return store_failed(store_.path() + " is there already, and belongs to " + name_of_user(store_.user()) +
                        ": chown " + name_of_user(owner_.user) + ": " + store_.path() +
                        " if it is to be the store's folder");
  }
  return from_store(store_.give(owner_.user, owner_.group));
}

Outcome Run::choose_owner() {
  owner_ = {store_.user(), store_.group()};
  if (use_.kind == StoreUse::Kind::made) {
    owner_ = {};
    std::string error;
    if (use_.user->given && !parse_owner(use_.user->value, &owner_, &error)) {
      return wrong_usage("--user: " + error);
    }
    return settle_new_store();
  }
  if (store_.is_there()) {
    return done();
  }
  if (use_.kind == StoreUse::Kind::restored) {
    if (!folder_.is_there()) {
      return no(use_.folder->value + " is not a backup: there is no such folder");
    }
    owner_ = {folder_.user(), folder_.group()};
    if (makes() && owner_.user == 0) {
      context_.warn(
          "the backup is root's, and so will the store be, which nginx's workers can't read then; chown -R www-data: " +
          store_.path() + " makes it theirs");
    }
    return makes() && (owner_.user == 0 || store_.only_root_leads_here()) ? make(&store_) : done();
  }
  // The command says that there is none, once it is content with its arguments; nobody can put one there meanwhile.
  return store_.only_root_leads_here()
             ? done()
             : from_store({StoreCode::missing,
                           "no store at " + context_.store + "; make one with: keyward init --user www-data"});
}

Outcome Run::check_folder() {
  if (!names_folder()) {
    return done();
  }
  if (use_.makes_folder) {
    const bool can = store_.is_there() && makes() && !folder_.is_there();
    if (const auto status = check_outside(folder_.path(), store_.path()); store_.is_there() && !status.ok()) {
      return from_store(status);
    }
    if (folder_.is_there() && folder_.user() != owner_.user && folder_.user() != 0) {
      return store_failed(folder_.path() + " belongs to " + name_of_user(folder_.user()) + ", and the store to " +
                          name_of_user(owner_.user) + ": name a folder that belongs to " + name_of_user(owner_.user) +
                          ", or one that doesn't exist yet");
    }
    const bool given = store_.is_there() && makes() && folder_.is_there() && folder_.user() == 0 && owner_.user != 0 &&
                       folder_.only_root_writes() && folder_.only_root_leads_here();
    if (given) {  // an empty one, as init takes it
      const auto status = folder_.give(owner_.user, owner_.group);
      return status.ok() || status.code == StoreCode::exists ? done() : store_failed(status.text);
    }
    return can && (owner_.user == 0 || folder_.only_root_leads_here()) ? make(&folder_) : done();
  }
  return !folder_.is_there() || folder_.user() == owner_.user || folder_.user() == 0
             ? done()
             : store_failed(folder_.path() + " belongs to " + name_of_user(folder_.user()) + ", and the store to " +
                            name_of_user(owner_.user) + ": chown -R " + name_of_user(owner_.user) + ": " +
                            folder_.path());
}

// What root opens as root nobody else may be able to write.
Outcome Run::check_roots(const Place &place, const char *what) const {
  if (!place.is_there()) {
    return done();
  }
  const std::string cure = "; give " + std::string(what) +
                           " to the user of nginx's workers (chown -R www-data: " + place.path() +
                           "): the command runs as that user then";
  if (place.user() != 0) {
    return store_failed(place.path() + " belongs to " + name_of_user(place.user()) + ", and the store to root" + cure);
  }
  if (!place.only_root_leads_here()) {
    return store_failed(place.path() + " belongs to root, but others can replace it, as they may write " +
                        place.others() + cure);
  }
  return place.only_root_writes()
             ? done()
             : store_failed(place.path() + " belongs to root, but its group or others may write it: chmod go-w " +
                            place.path() + cure);
}

// The name under which the process gets to a folder that was opened: its path, or where a folder above it may not be
// entered, the descriptor.
Outcome Run::reach(const Place &place, std::string *name) {
  *name = place.path();
  if (!place.is_there()) {
    return done();
  }
  const File there(open(name->c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!there && errno == EACCES) {
    *name = "/proc/self/fd/" + std::to_string(place.descriptor());
    context_.aliases.emplace_back(*name, place.path());
    return done();
  }
  struct stat opened = {}, found = {};
  const bool same = there && fstat(place.descriptor(), &opened) == 0 && fstat(there.get(), &found) == 0 &&
                    opened.st_dev == found.st_dev && opened.st_ino == found.st_ino;
  return same ? done() : store_failed(place.path() + " was replaced while it was opened");
}

Outcome Run::act() {
  if (use_.kind != StoreUse::Kind::made) {
    for (const auto &warning : look_at_rights(context_.store).warnings) {
      context_.warn(warning);
    }
  }
  auto outcome = action_();
  outcome.error = context_.words(outcome.error);
  return outcome;
}

Outcome Run::run_here(bool in_child) {
  if (owner_.user != 0) {
    store_.leave();
    folder_.leave();
    if (auto outcome = become(owner_); !outcome.ok()) {
      return outcome;
    }
    if (in_child) {
      die_with_parent();
    }
    context_.became = name_of_user(owner_.user);
  }
  auto outcome = reach(store_, &context_.store);
  outcome = outcome.ok() && names_folder() ? reach(folder_, &context_.folder) : outcome;
  return outcome.ok() ? act() : outcome;
}

Outcome Run::as_root() {
  if (!close_all_but(inputs_)) {
    return store_failed(std::string("can't close inherited file descriptors: ") + std::strerror(errno));
  }
  auto outcome = find_places();
  outcome = outcome.ok() ? choose_owner() : outcome;
  outcome = outcome.ok() ? check_folder() : outcome;
  if (outcome.ok() && owner_.user == 0) {
    outcome = check_roots(store_, "the store");
    outcome = outcome.ok() && names_folder() ? check_roots(folder_, "the backup") : outcome;
  }
  if (outcome.ok() && !made_.empty() && owner_.user != 0) {
    // Only root can take a folder away again that root has made.
    const auto end = in_child(context_, [this] { return run_here(true); });
    outcome = end.signal == 0 ? end.outcome : store_failed("the command ended with " + signal_text(end.signal));
  } else if (outcome.ok()) {
    outcome = run_here(false);
  }
  for (auto *place : made_) {
    if (!outcome.ok()) {
      place->remove();  // as far as nothing is in it
    }
  }
  return outcome;
}

}  // namespace

Outcome run_as_owner(Context &context, const StoreUse &use, const std::vector<InputFile *> &inputs,
                     const std::function<Outcome()> &action) {
  context.folder = use.folder != nullptr ? use.folder->value : std::string();
  Run run(context, use, inputs, action);
  if (use.without != nullptr && *use.without) {
    return action();
  }
  if (geteuid() == 0) {
    return run.as_root();
  }
  Owner owner;
  std::string error;
  if (use.user != nullptr && use.user->given) {
    if (!parse_owner(use.user->value, &owner, &error)) {
      return wrong_usage("--user: " + error);
    }
    if (owner.user != geteuid()) {
      return store_failed("only root can make a store for somebody else; leave --user out, or run this as " +
                          name_of_user(owner.user));
    }
  }
  return run.act();
}

}  // namespace keyward::cli
