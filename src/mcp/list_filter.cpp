// A whole answer at once, and the writing of what was edited.
#include "mcp/list_filter.hpp"

#include <algorithm>

#include "mcp/list_scan.hpp"

namespace keyward::mcp {

void write_edited(std::string_view came, const std::vector<TextPart> &parts, const std::vector<Edit> &edits,
                  std::string *out) {
  std::size_t done = 0;  // of what came
  auto edit = edits.begin();
  bool is_written = false;  // the edit's text
  for (const TextPart &part : parts) {
    const std::uint64_t end = part.text_at + part.size;
    const auto copy_up_to = [&](std::uint64_t text_at) {
      const std::size_t at = part.at + static_cast<std::size_t>(text_at - part.text_at);
      *out += came.substr(done, at - done);
      done = at;
    };
    while (edit != edits.end() && edit->from < end) {
      copy_up_to(std::max(edit->from, part.text_at));
      if (!is_written) {
        *out += edit->text;
        is_written = true;
      }
      // One in a line's end, which is of no part, may end before this one.
      done = part.at + static_cast<std::size_t>(std::clamp(edit->to, part.text_at, end) - part.text_at);
      if (edit->to > end) {
        break;  // it goes on in the next part; what stands between them stays
      }
      ++edit;
      is_written = false;
    }
    copy_up_to(end);
  }
  *out += came.substr(done);
}

ListVerdict judge_unread_list(const ListReader &reader) noexcept {
  return reader.rules->satisfies_all(*reader.grants) ? ListVerdict::unchanged : ListVerdict::unreadable;
}

ListVerdict filter_list(const ListReader &reader, std::string_view answer, std::string *out) {
  ListScan scan(reader);
  if (answer.size() > reader.bound || !scan.read(answer)) {
    return judge_unread_list(reader);
  }
  std::vector<Edit> edits;
  const ListVerdict verdict = scan.finish(&edits);
  if (verdict == ListVerdict::changed) {
    out->reserve(answer.size() + 32);
    write_edited(answer, {{0, 0, answer.size()}}, edits, out);
  }
  return verdict;
}

}  // namespace keyward::mcp
