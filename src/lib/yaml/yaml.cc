#include "lib/yaml/yaml.h"

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/exceptions.h>
#include <yaml-cpp/parser.h>

#include <format>
#include <sstream>

namespace godwit::yaml {
namespace {

Place place(const YAML::Mark& mark) { return {mark.line + 1, mark.column + 1}; }

// Ours says how to mend it; the library's own does not.
struct Refused final : YAML::ParserException {
  using ParserException::ParserException;
};

// Builds the tree. What it refuses it throws, as the library does, to be caught in parse().
class Builder final : public YAML::EventHandler {
 public:
  explicit Builder(int max_depth) : max_depth_(static_cast<std::size_t>(max_depth)) {}

  std::vector<Node> documents;

  void OnDocumentStart(const YAML::Mark& mark) override {
    // The library takes a stray ',' or ']' for an empty document and stays before it for ever.
    if (mark.pos == document_at_) throw Refused(mark, "nothing begins like this: take it away");
    document_at_ = mark.pos;
    open_.clear();
  }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark& mark, YAML::anchor_t anchor) override {
    add(mark, "", anchor, {.kind = Kind::kNull});
  }
  void OnAlias(const YAML::Mark& mark, YAML::anchor_t) override {
    throw Refused(mark, "aliases are not allowed: write the value out");
  }
  void OnScalar(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                const std::string& value) override {
    add(mark, tag, anchor, {.kind = Kind::kScalar, .text = value});
  }
  void OnSequenceStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                       YAML::EmitterStyle::value) override {
    begin(mark, tag, anchor, Kind::kSequence);
  }
  void OnSequenceEnd() override { end(); }
  void OnMapStart(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor,
                  YAML::EmitterStyle::value) override {
    begin(mark, tag, anchor, Kind::kMapping);
  }
  void OnMapEnd() override { end(); }

 private:
  struct Open {
    Node node;
    bool has_key = false;
    Node key = {};
  };

  static void refuse_ornaments(const YAML::Mark& mark, const std::string& tag,
                               YAML::anchor_t anchor) {
    // "?" is a plain value, "!" a quoted one.
    if (!tag.empty() && tag != "?" && tag != "!")
      throw Refused(mark, "tags are not allowed: leave it out");
    if (anchor != 0) throw Refused(mark, "anchors are not allowed: leave it out");
  }

  void begin(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Kind kind) {
    refuse_ornaments(mark, tag, anchor);
    if (open_.size() >= max_depth_) throw Refused(mark, "nested too deeply: use fewer levels");
    open_.push_back({{.kind = kind, .at = place(mark), .text = ""}});
  }
  void end() {
    Node node = std::move(open_.back().node);
    open_.pop_back();
    put(std::move(node));
  }
  void add(const YAML::Mark& mark, const std::string& tag, YAML::anchor_t anchor, Node node) {
    refuse_ornaments(mark, tag, anchor);
    node.at = place(mark);
    put(std::move(node));
  }
  void put(Node node) {
    if (open_.empty()) {
      if (node.kind != Kind::kNull) documents.push_back(std::move(node));
      return;
    }
    Open& into = open_.back();
    if (into.node.kind == Kind::kSequence) {
      into.node.items.push_back(std::move(node));
    } else if (into.has_key) {
      into.has_key = false;
      into.node.entries.push_back({std::move(into.key), std::move(node)});
    } else {
      check_key(into.node, node);
      into.has_key = true;
      into.key = std::move(node);
    }
  }
  static void check_key(const Node& mapping, const Node& key) {
    YAML::Mark mark;
    mark.line = key.at.line - 1;
    mark.column = key.at.column - 1;
    if (key.kind != Kind::kScalar) throw Refused(mark, "a key must be a word: write KEY: VALUE");
    for (const auto& [other, value] : mapping.entries)
      if (other.text == key.text)
        throw Refused(mark, std::format("'{}' twice: write it once", key.text));
  }

  const std::size_t max_depth_;
  int document_at_ = -1;
  std::vector<Open> open_;
};

}  // namespace

Result<std::vector<Node>> parse(std::string_view text, int max_depth) {
  Builder builder{max_depth};
  try {
    std::istringstream in{std::string(text)};
    YAML::Parser parser{in};
    while (parser.HandleNextDocument(builder)) {
    }
  } catch (const Refused& e) {
    const Place at = place(e.mark);
    return invalid(std::format("{}:{}: {}", at.line, at.column, e.msg));
  } catch (const YAML::Exception& e) {
    const Place at = e.mark.is_null() ? Place{} : place(e.mark);
    return invalid(std::format(
        "{}:{}: {}: look there and above for a bracket, a quote, a tab or a wrong indentation",
        at.line, at.column, e.msg));
  } catch (const std::exception& e) {
    return invalid(std::format("1:1: {}", e.what()));
  }
  return std::move(builder.documents);
}

}  // namespace godwit::yaml
