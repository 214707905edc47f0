// What users ask, answered at once from what is known; a wish that changes something answers when
// its rows are in the step.
#include <format>
#include <set>
#include <type_traits>

#include "control/control.h"
#include "control/views.h"

namespace godwit::control {
namespace {

ports::Answer not_built(const char* what) {
  return precondition(std::format("{} is not built yet", what));
}

}  // namespace

ports::Answer Control::list_guests(const ports::ListGuests& wanted) const {
  ports::Listing<ports::GuestView> list;
  for (const auto& [id, owner] : guests_)
    if (!wanted.guest || *wanted.guest == id) list.items.push_back(view_of(id, owner));
  if (wanted.guest && list.items.empty())
    return not_found(std::format("no guest is named {}", wanted.guest->value));
  return list;
}

ports::Answer Control::list_nodes(const ports::ListNodes& wanted) const {
  ports::Listing<ports::NodeView> list;
  for (const auto& [id, row] : nodes_) {
    if (wanted.node && *wanted.node != id) continue;
    std::vector<GuestId> there;
    for (const auto& [guest, owner] : guests_)
      if (owner.holder() == id) there.push_back(guest);
    list.items.push_back(view_of(id, row, attached_.contains(id), std::move(there)));
  }
  if (wanted.node && list.items.empty())
    return not_found(std::format("no node is named {}", wanted.node->value));
  return list;
}

ports::Answer Control::migrate(const ports::MigrateGuest& wish, Step& step) {
  const auto at = guests_.find(wish.guest);
  if (at == guests_.end()) return not_found(std::format("no guest is named {}", wish.guest.value));
  if (at->second.holder() == wish.to)
    return precondition(std::format("{} is on {} already", wish.guest.value, wish.to.value));
  const std::size_t before = step.commands.size();
  at->second.move(wish.to, step);
  for (std::size_t i = before; i < step.commands.size(); ++i)
    if (const auto* refused = std::get_if<Refused>(&step.commands[i]))
      return precondition(std::format("{}: {}", wish.guest.value, refused->why));
  ports::GuestView view = view_of(wish.guest, at->second);
  view.phase = ports::GuestPhase::kMoving;
  view.moving = wish.to;
  return view;
}

void Control::on_request(const ports::Request& request, Step& step) {
  const ports::Answer answer = std::visit(
      [&]<class T>(const T& r) -> ports::Answer {
        if constexpr (std::is_same_v<T, ports::ListGuests>) return list_guests(r);
        if constexpr (std::is_same_v<T, ports::ListNodes>) return list_nodes(r);
        if constexpr (std::is_same_v<T, ports::MigrateGuest>) return migrate(r, step);
        if constexpr (std::is_same_v<T, ports::ListGroups>) {
          if (r.group) return not_found(std::format("no group is named {}", r.group->value));
          return ports::Listing<ports::GroupView>{};
        }
        return not_built("this request");
      },
      request.body);
  step.commands.push_back(Reply{request.id, answer});
}

}  // namespace godwit::control
