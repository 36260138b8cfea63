// One operation, one transaction.
#include "keys/answer.hpp"

namespace keyward::keys {

Answer in_transaction(CredentialWriter &writer, const Author &author, std::uint64_t wait_ms,
                      const std::function<Answer(WriteTxn &)> &operation) {
  Answer answer;
  StoreStatus status = writer.run(wait_ms, author, [&](WriteTxn &txn) {
    answer = operation(txn);
    if (answer.ok()) {
      return StoreStatus();
    }
    return answer.result == Result::store_failed ? answer.status : StoreStatus{StoreCode::exists, {}};
  });
  // A refusal stands, whatever status it took to end the transaction.
  return status.ok() || (!answer.ok() && answer.result != Result::store_failed) ? answer : Answer(std::move(status));
}

}  // namespace keyward::keys
