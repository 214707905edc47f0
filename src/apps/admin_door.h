// A door for tests and for a person in need, not an API: a UNIX socket that only the control
// plane's user may open. It stands for the user's wishes and for the cloud's word that a node is
// gone, so whoever certifies here a node that lives can make a guest run twice.
//
// One JSON object a line, one line back, in order:
//   {"do":"create","guest":G,"node":N,"set":[N..],"machine":{..},"container":{..}|null}
//       (machine and container as in a stored row: edges/sqlite/row_json.h)
//   {"do":"allow"|"takeover","guest":G,"set":[N..]}   {"do":"move","guest":G,"node":N}
//   {"do":"join","node":N,"address":A}                {"do":"certify","node":N}
//   {"do":"status"}
// -> {"ok":true} once the rows are committed; {"error":WHY}; or for status
//   {"version":V,"incarnation":I,"guests":{G:{"owner":{..},"holder":N|null,"settled":B}},
//    "nodes":{N:{..}}}
#pragma once

#include <string>
#include <string_view>

#include "control/control.h"
#include "edges/runtime/control_loop.h"
#include "lib/io/stream.h"
#include "lib/json/json.h"

namespace godwit::apps {

class AdminDoor {
 public:
  // Opens the socket; what it refers to outlives it, and it outlives the loop's last run.
  static Result<std::unique_ptr<AdminDoor>> open(io::Loop& loop, const std::string& path,
                                                 runtime::ControlLoop& turns,
                                                 const control::Control& control,
                                                 std::string incarnation);

  // One line's answer, without its line break; what the socket does with each. On the loop's
  // thread.
  std::string answer(std::string_view line);

 private:
  AdminDoor(io::Loop& loop, io::Listener listener, runtime::ControlLoop& turns,
            const control::Control& control, std::string incarnation);
  io::Task<void> accept_all();
  io::Task<void> talk(io::Stream stream);
  json::Value status() const;

  io::Loop& loop_;
  io::Listener listener_;
  runtime::ControlLoop& turns_;
  const control::Control& control_;
  const std::string incarnation_;
};

}  // namespace godwit::apps
