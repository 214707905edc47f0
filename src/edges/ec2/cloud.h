// The port of a cloud, over EC2's Query API.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/random.h"
#include "edges/ec2/client.h"
#include "lib/io/loop.h"
#include "ports/cloud.h"

namespace godwit::ec2 {

class Cloud final : public ports::Cloud {
 public:
  // `loop`, `events` and `random` outlive this, and this outlives the loop's last run. To be called
  // on the loop's thread. `random` makes the jitter of the back-off.
  Cloud(io::Loop& loop, ports::EventSink<ports::CloudEvent>& events, Config config, Random& random)
      : loop_(loop), events_(events), client_(std::move(config), random) {}

  void submit(std::uint64_t command, ports::CloudCommand what) override;

 private:
  using Page = std::function<Status(const xml::Element&)>;

  io::Task<void> answer(std::uint64_t command, ports::CloudCommand what);
  io::Task<ports::CloudAnswer> on(ports::Launch launch);
  io::Task<ports::CloudAnswer> on(ports::Terminate terminate);
  io::Task<ports::CloudAnswer> on(ports::ListInstances list);
  io::Task<ports::CloudAnswer> on(ports::Examine examine);
  io::Task<ports::CloudAnswer> on(ports::ReadPrices read);
  io::Task<ports::CloudAnswer> on(ports::ReadTypes read);
  // All pages of one action.
  io::Task<Answer<void>> read_pages(std::string action, Form form, Page page);

  io::Loop& loop_;
  ports::EventSink<ports::CloudEvent>& events_;
  Client client_;
};

}  // namespace godwit::ec2
