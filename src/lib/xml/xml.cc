#include "lib/xml/xml.h"

#include <format>
#include <pugixml.hpp>

namespace godwit::xml {
namespace {

Status read(const pugi::xml_node& node, int depth_left, Element& into) {
  if (depth_left == 0) return data_loss("xml: nested too deeply");
  into.name = node.name();
  for (const pugi::xml_attribute& a : node.attributes())
    into.attributes.emplace_back(a.name(), a.value());
  for (const pugi::xml_node& child : node.children()) {
    if (child.type() == pugi::node_pcdata || child.type() == pugi::node_cdata) {
      into.text += child.value();
    } else if (child.type() == pugi::node_element) {
      into.children.emplace_back();
      TRY(read(child, depth_left - 1, into.children.back()));
    }
  }
  return {};
}

void escape(std::string_view text, std::string& out) {
  for (const char c : text) {
    if (c == '&')
      out += "&amp;";
    else if (c == '<')
      out += "&lt;";
    else if (c == '>')
      out += "&gt;";
    else if (c == '"')
      out += "&quot;";
    else if (c == '\r')
      out += "&#13;";
    else if ((c >= 0 && c < 32 && c != '\t' && c != '\n') || c == 127)
      out += "\xef\xbf\xbd";
    else
      out += c;
  }
}

void write(const Element& element, std::string& out) {
  out += '<' + element.name;
  for (const auto& [name, value] : element.attributes) {
    out += ' ' + name + "=\"";
    escape(value, out);
    out += '"';
  }
  if (element.text.empty() && element.children.empty()) {
    out += "/>";
    return;
  }
  out += '>';
  escape(element.text, out);
  for (const Element& child : element.children) write(child, out);
  out += "</" + element.name + '>';
}

}  // namespace

Element& Element::add(std::string child, std::string its_text) {
  return children.emplace_back(Element{.name = std::move(child), .text = std::move(its_text)});
}

const Element* Element::find(std::string_view child) const {
  for (const Element& c : children)
    if (c.name == child) return &c;
  return nullptr;
}

std::string_view Element::text_at(std::string_view path) const {
  const Element* at = this;
  while (at && !path.empty()) {
    const auto end = std::min(path.find('/'), path.size());
    at = at->find(path.substr(0, end));
    path.remove_prefix(std::min(end + 1, path.size()));
  }
  return at ? std::string_view(at->text) : std::string_view{};
}

std::vector<const Element*> Element::all(std::string_view child) const {
  std::vector<const Element*> found;
  for (const Element& c : children)
    if (c.name == child) found.push_back(&c);
  return found;
}

Result<Element> parse(std::string_view text, int max_depth) {
  pugi::xml_document document;
  const auto parsed =
      document.load_buffer(text.data(), text.size(), pugi::parse_default, pugi::encoding_utf8);
  if (!parsed)
    return data_loss(std::format("xml: {} at byte {}", parsed.description(), parsed.offset));
  const pugi::xml_node root = document.document_element();
  if (!root || root.next_sibling().type() == pugi::node_element)
    return data_loss("xml: not exactly one root element");
  Element element;
  TRY(read(root, max_depth, element));
  return element;
}

std::string dump(const Element& root) {
  std::string out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  write(root, out);
  return out;
}

}  // namespace godwit::xml
