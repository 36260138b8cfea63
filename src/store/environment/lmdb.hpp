// LMDB's handles as values that own them. Nothing here throws; return codes are LMDB's own.
#pragma once

#include <lmdb.h>

#include <string_view>
#include <utility>

namespace keyward::lmdb {

// LMDB's C interface takes const data through a plain pointer and doesn't write to it.
inline MDB_val to_val(std::string_view text) noexcept { return {text.size(), const_cast<char *>(text.data())}; }
inline std::string_view to_view(const MDB_val &val) noexcept {
  return {static_cast<const char *>(val.mv_data), val.mv_size};
}

class Env {
 public:
  Env() = default;
  ~Env() { close(); }
  Env(Env &&other) noexcept : env_(other.release()) {}
  Env &operator=(Env &&other) noexcept {
    if (this != &other) {
      close();
      env_ = other.release();
    }
    return *this;
  }

  int create() noexcept {
    close();
    return mdb_env_create(&env_);
  }
  void close() noexcept {
    if (env_ != nullptr) {
      mdb_env_close(release());
    }
  }
  // Takes over what another one has, or shows it for a while: then it is released, not closed.
  void adopt(MDB_env *env) noexcept {
    close();
    env_ = env;
  }
  // Gives the handle up without closing it.
  MDB_env *release() noexcept { return std::exchange(env_, nullptr); }
  MDB_env *get() const noexcept { return env_; }
  explicit operator bool() const noexcept { return env_ != nullptr; }

 private:
  MDB_env *env_ = nullptr;
};

// Aborted in its destructor; commit() gives the handle up before the call that consumes it.
class Txn {
 public:
  Txn() = default;
  ~Txn() { abort(); }
  Txn(Txn &&other) noexcept : txn_(other.release()) {}
  Txn &operator=(Txn &&other) noexcept {
    if (this != &other) {
      abort();
      txn_ = other.release();
    }
    return *this;
  }

  int begin(MDB_env *env, unsigned flags) noexcept {
    abort();
    return mdb_txn_begin(env, nullptr, flags, &txn_);
  }
  int commit() noexcept { return mdb_txn_commit(release()); }
  void abort() noexcept {
    if (txn_ != nullptr) {
      mdb_txn_abort(release());
    }
  }
  MDB_txn *release() noexcept { return std::exchange(txn_, nullptr); }
  MDB_txn *get() const noexcept { return txn_; }
  explicit operator bool() const noexcept { return txn_ != nullptr; }

 private:
  MDB_txn *txn_ = nullptr;
};

// Must end before its transaction does.
class Cursor {
 public:
  Cursor() = default;
  ~Cursor() { close(); }
  Cursor(Cursor &&other) noexcept : cursor_(std::exchange(other.cursor_, nullptr)) {}
  Cursor &operator=(Cursor &&other) noexcept {
    if (this != &other) {
      close();
      cursor_ = std::exchange(other.cursor_, nullptr);
    }
    return *this;
  }

  int open(MDB_txn *txn, MDB_dbi table) noexcept {
    close();
    return mdb_cursor_open(txn, table, &cursor_);
  }
  void close() noexcept {
    if (cursor_ != nullptr) {
      mdb_cursor_close(std::exchange(cursor_, nullptr));
    }
  }
  // For MDB_SET_RANGE and its like *key is what to look for; it becomes what was found.
  int get(std::string_view *key, std::string_view *value, MDB_cursor_op op) noexcept {
    MDB_val k = to_val(*key), v = {};
    const int rc = mdb_cursor_get(cursor_, &k, &v, op);
    if (rc == MDB_SUCCESS) {
      *key = to_view(k);
      *value = to_view(v);
    }
    return rc;
  }
  int put(std::string_view key, std::string_view value, unsigned flags) noexcept {
    MDB_val k = to_val(key), v = to_val(value);
    return mdb_cursor_put(cursor_, &k, &v, flags);
  }

 private:
  MDB_cursor *cursor_ = nullptr;
};

inline int get(MDB_txn *txn, MDB_dbi table, std::string_view key, std::string_view *value) noexcept {
  MDB_val k = to_val(key), v = {};
  const int rc = mdb_get(txn, table, &k, &v);
  if (rc == MDB_SUCCESS) {
    *value = to_view(v);
  }
  return rc;
}

inline int put(MDB_txn *txn, MDB_dbi table, std::string_view key, std::string_view value, unsigned flags) noexcept {
  MDB_val k = to_val(key), v = to_val(value);
  return mdb_put(txn, table, &k, &v, flags);
}

inline int remove(MDB_txn *txn, MDB_dbi table, std::string_view key) noexcept {
  MDB_val k = to_val(key);
  return mdb_del(txn, table, &k, nullptr);
}

}  // namespace keyward::lmdb
