// A provider in memory: true state, no expectations. Kept honest by cloud_contract.h, which the
// real edges pass too. Answers come at once; time and misfortune are the test's to set.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "ports/cloud.h"

namespace godwit::ports {

class FakeCloud final : public Cloud {
 public:
  explicit FakeCloud(EventSink<CloudEvent>& events) : events_(events) {}

  // Set by the test.
  Time now;
  std::map<std::string, InstanceType> types;
  std::set<std::string> images;
  std::map<market::Pool, std::vector<market::PriceChange>> prices;  // In order of time.
  std::map<market::Pool, int> capacity;  // Of a pool's spot side; absent: unlimited.
  std::optional<int> spot_count_max;     // The account's quota.
  bool hides_new = false;  // Launched instances are not shown until it is false again.
  std::optional<CloudFailed> fail_next;  // The next command fails with this and changes nothing.

  void submit(std::uint64_t command, CloudCommand what) override;

  // What the provider does by itself: pending to running and shutting-down to terminated, each one
  // step; an interruption, to shutting-down.
  void advance();
  void interrupt(const std::string& instance);
  // True state, shown or not.
  const std::map<std::string, CloudInstance>& instances() const { return instances_; }

 private:
  struct Attempt {
    Launch launch;
    std::string instance;
  };

  CloudAnswer on(const Launch& launch);
  CloudAnswer on(const Terminate& terminate);
  CloudAnswer on(const ListInstances& list);
  CloudAnswer on(const Examine& examine);
  CloudAnswer on(const ReadPrices& read);
  CloudAnswer on(const ReadTypes& read);
  std::optional<CloudFailed> refuses(const Launch& launch) const;
  std::optional<CloudFailed> has_no_room(const Launch& launch) const;
  int alive(const market::Pool* pool) const;
  void end(CloudInstance& instance, EndedBy by, const char* reason);
  bool shows(const std::string& instance) const;

  EventSink<CloudEvent>& events_;
  std::map<std::string, CloudInstance> instances_;
  std::map<std::string, Attempt> attempts_;  // By client token.
  std::set<std::string> hidden_;
};

}  // namespace godwit::ports
