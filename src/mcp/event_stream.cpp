// Event streams (HTML Standard, 9.2.6): lines end with CR, LF or both, events with an empty line.
#include "mcp/list_filter.hpp"
#include "mcp/list_scan.hpp"

namespace keyward::mcp {

namespace {

constexpr std::string_view kMark = "\xef\xbb\xbf", kData = "data";

std::string error_message(std::string_view id, std::string_view error) {
  std::string text = R"({"jsonrpc":"2.0","id":)";
  return text.append(id).append(R"(,"error":)").append(error).append("}");
}

}  // namespace

EventStreamFilter::EventStreamFilter(const ListReader &reader) : reader_(reader) { begin_event(); }
EventStreamFilter::~EventStreamFilter() = default;

void EventStreamFilter::begin_event() {
  scan_ = std::make_unique<ListScan>(reader_);
  passing_ = Passing::held;
  is_json_ = true;
  data_lines_ = 0;
  data_size_ = 0;
  event_.clear();
  parts_.clear();
}

bool EventStreamFilter::read(std::string_view piece, std::string *out) {
  while (!piece.empty()) {
    const bool belongs_to_return = after_return_ && piece.front() == '\n';
    after_return_ = false;
    const std::size_t end = belongs_to_return ? 0 : piece.find_first_of("\r\n");
    const std::string_view part = piece.substr(0, end);
    if (!read_line_part(part)) {
      return false;
    }
    take(part, out);
    if (end == std::string_view::npos) {
      return true;
    }
    take(piece.substr(end, 1), out);
    if (!belongs_to_return) {
      after_return_ = piece[end] == '\r';
      const bool is_empty = column_ == 0;
      if (line_ == Line::name && column_ == kData.size()) {
        begin_data_line();
      }
      line_ = Line::name;
      column_ = 0;
      if (is_empty) {
        end_event(out);
      }
    }
    piece.remove_prefix(end + 1);
  }
  return true;
}

void EventStreamFilter::finish(std::string *out) { end_event(out); }

// Looks at a part of a line before it is taken. false: it must not go on, nor what follows.
bool EventStreamFilter::read_line_part(std::string_view part) {
  std::size_t at = 0;
  for (; at < part.size() && line_ != Line::data && line_ != Line::other; ++at) {
    const char c = part[at];
    if (line_ == Line::mark) {
      if (c == kMark[column_]) {
        if (++column_ == kMark.size()) {
          line_ = Line::name;
          column_ = 0;
        }
        continue;
      }
      line_ = column_ == 0 ? Line::name : Line::other;
    }
    if (line_ == Line::before_value) {
      line_ = Line::data;
      if (c != ' ') {
        break;
      }
    } else if (line_ == Line::name) {
      line_ = after_name(c);
    }
    ++column_;
  }
  if (line_ == Line::data && at < part.size() && (passing_ == Passing::held || passing_ == Passing::watched)) {
    add_data(part.substr(at), event_.size() + at);
    return passing_ != Passing::watched || (is_json_ && !scan_->has_list());
  }
  return true;
}

// What a line is, with this character of its name or the colon behind it.
EventStreamFilter::Line EventStreamFilter::after_name(char c) {
  if (column_ < kData.size()) {
    return c == kData[column_] ? Line::name : Line::other;
  }
  if (c != ':') {
    return Line::other;
  }
  begin_data_line();
  return Line::before_value;
}

void EventStreamFilter::begin_data_line() {
  if (data_lines_++ > 0) {
    is_json_ = is_json_ && scan_->read("\n");
    ++data_size_;
  }
}

void EventStreamFilter::add_data(std::string_view data, std::size_t at) {
  is_json_ = is_json_ && scan_->read(data);
  if (passing_ == Passing::held) {
    parts_.push_back({data_size_, at, data.size()});
  }
  data_size_ += data.size();
}

void EventStreamFilter::take(std::string_view bytes, std::string *out) {
  if (passing_ == Passing::held && event_.size() + bytes.size() > reader_.bound) {
    overflow(out);
  }
  if (passing_ == Passing::held) {
    event_ += bytes;
  } else if (passing_ != Passing::dropped) {
    *out += bytes;
  }
}

// The event is larger than what may be held.
void EventStreamFilter::overflow(std::string *out) {
  if (judge_unread_list(reader_) == ListVerdict::unchanged) {
    passing_ = Passing::freely;
  } else if (reader_.id.empty() && is_json_ && !scan_->has_list()) {
    passing_ = Passing::watched;
  } else {
    passing_ = Passing::dropped;
    return;
  }
  *out += event_;
  event_.clear();
  parts_.clear();
}

void EventStreamFilter::end_event(std::string *out) {
  std::vector<Edit> edits;
  std::string error;
  const std::string_view id = scan_->id().empty() ? reader_.id : scan_->id();
  ListVerdict verdict = ListVerdict::unchanged;
  if (passing_ == Passing::dropped) {
    verdict = ListVerdict::unreadable;
  } else if (passing_ == Passing::held && data_size_ > 0) {
    verdict = is_json_ ? scan_->finish(&edits) : judge_unread_list(reader_);
  }
  if (verdict == ListVerdict::unreadable) {
    // Without an id nobody waits for it, and clients can't read an error that has none.
    error = id.empty() ? std::string() : error_message(id, reader_.error);
    edits.assign(1, {0, data_size_, error});
  }
  if (passing_ == Passing::dropped) {
    *out += error.empty() ? error : "data: " + error + "\n\n";
  } else if (verdict == ListVerdict::unchanged) {
    *out += event_;
  } else {
    write_edited(event_, parts_, edits, out);
  }
  begin_event();
}

}  // namespace keyward::mcp
