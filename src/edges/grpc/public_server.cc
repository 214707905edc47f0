#include "edges/grpc/public_server.h"

#include <grpcpp/server.h>

#include <chrono>

#include "edges/grpc/public_calls.h"
#include "edges/grpc/public_watches.h"
#include "godwit/v1/services.grpc.pb.h"

namespace godwit::grpc_edge {
namespace {

using Context = grpc::CallbackServerContext;
using Reactor = grpc::ServerUnaryReactor;

}  // namespace

grpc::Status PublicServer::Calls::admit(const Context& context, const char* method) {
  if (!user(context))
    return {grpc::PERMISSION_DENIED,
            "the caller's certificate is no user's: its common name must begin with \"user/\""};
  if (const auto found = options_.unserved.find(method); found != options_.unserved.end())
    return {grpc::UNIMPLEMENTED, found->second};
  return grpc::Status::OK;
}

void PublicServer::Calls::offer(Reactor* reactor, std::string caller, ports::RequestBody body,
                                Complete complete) {
  std::uint64_t id = 0;
  {
    const std::lock_guard lock(mutex_);
    if (closing_)
      return reactor->Finish({grpc::UNAVAILABLE, "the control plane is ending: try again"});
    if (calls_.size() >= options_.calls)
      return reactor->Finish(
          {grpc::RESOURCE_EXHAUSTED, std::format("{} calls wait: try again", calls_.size())});
    id = ++last_id_;
    calls_[id] = {reactor, std::move(complete)};
  }
  requests_.offer({id, std::move(caller), std::move(body)});
}

void PublicServer::Calls::answer(std::uint64_t id, const ports::Answer& answer) {
  Call call;
  {
    const std::lock_guard lock(mutex_);
    const auto found = calls_.find(id);
    if (found == calls_.end()) return;
    call = std::move(found->second);
    calls_.erase(found);
  }
  call.reactor->Finish(answer ? call.complete(*answer) : told(answer.error()));
}

void PublicServer::Calls::close() {
  std::map<std::uint64_t, Call> calls;
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    calls.swap(calls_);
  }
  for (const auto& [id, call] : calls)
    call.reactor->Finish({grpc::UNAVAILABLE, "the control plane is ending: try again"});
}

// One line for each method.
struct PublicServer::Services {
  Services(Calls& calls, Watches& watches)
      : groups(calls),
        guests(calls),
        nodes(calls),
        events(calls, watches),
        moves(calls),
        offerings(calls),
        ledger(calls),
        plans(calls),
        intents(calls) {}

#define GODWIT_METHOD(service, name, Asked, Reply)                                     \
  Reactor* name(Context* context, const v1::Asked* asked, v1::Reply* reply) override { \
    return calls.ask(context, service "." #name, asked, reply);                        \
  }
  struct Groups final : v1::Groups::CallbackService {
    explicit Groups(Calls& c) : calls(c) {}
    GODWIT_METHOD("Groups", Apply, ApplyGroupRequest, Group)
    GODWIT_METHOD("Groups", Delete, DeleteGroupRequest, Deleted)
    GODWIT_METHOD("Groups", List, ListGroupsRequest, GroupList)
    Calls& calls;
  } groups;
  struct Guests final : v1::Guests::CallbackService {
    explicit Guests(Calls& c) : calls(c) {}
    GODWIT_METHOD("Guests", List, ListGuestsRequest, GuestList)
    GODWIT_METHOD("Guests", Migrate, MigrateGuestRequest, Guest)
    GODWIT_METHOD("Guests", ReadLogs, ReadLogsRequest, LogPage)
    GODWIT_METHOD("Guests", Exec, ExecRequest, ExecResult)
    Calls& calls;
  } guests;
  struct Nodes final : v1::Nodes::CallbackService {
    explicit Nodes(Calls& c) : calls(c) {}
    GODWIT_METHOD("Nodes", List, ListNodesRequest, NodeList)
    GODWIT_METHOD("Nodes", Cordon, CordonNodeRequest, Node)
    GODWIT_METHOD("Nodes", Uncordon, UncordonNodeRequest, Node)
    GODWIT_METHOD("Nodes", Drain, DrainNodeRequest, Draining)
    Calls& calls;
  } nodes;
  struct Events final : v1::Events::CallbackService {
    Events(Calls& c, Watches& w) : calls(c), watches(w) {}
    GODWIT_METHOD("Events", List, ListEventsRequest, EventList)
    grpc::ServerWriteReactor<v1::Change>* Watch(Context* context,
                                                const v1::WatchRequest* request) override {
      return watches.watch(*request, calls.admit(*context, "Events.Watch"));
    }
    Calls& calls;
    Watches& watches;
  } events;
  struct Moves final : v1::Moves::CallbackService {
    explicit Moves(Calls& c) : calls(c) {}
    GODWIT_METHOD("Moves", List, ListMovesRequest, MoveList)
    Calls& calls;
  } moves;
  struct Offerings final : v1::Offerings::CallbackService {
    explicit Offerings(Calls& c) : calls(c) {}
    GODWIT_METHOD("Offerings", List, ListOfferingsRequest, OfferingList)
    Calls& calls;
  } offerings;
  struct Ledger final : v1::Ledger::CallbackService {
    explicit Ledger(Calls& c) : calls(c) {}
    GODWIT_METHOD("Ledger", Get, GetLedgerRequest, LedgerSummary)
    Calls& calls;
  } ledger;
  struct Plans final : v1::Plans::CallbackService {
    explicit Plans(Calls& c) : calls(c) {}
    GODWIT_METHOD("Plans", Get, GetPlanRequest, Plan)
    Calls& calls;
  } plans;
  struct Intents final : v1::Intents::CallbackService {
    explicit Intents(Calls& c) : calls(c) {}
    GODWIT_METHOD("Intents", List, ListIntentsRequest, IntentList)
    Calls& calls;
  } intents;
#undef GODWIT_METHOD

  Listening listening;
};

PublicServer::PublicServer() = default;

Result<std::unique_ptr<PublicServer>> PublicServer::start(
    const std::string& address, const Credentials& credentials,
    ports::EventSink<ports::Request>& requests, PublicOptions options) {
  std::unique_ptr<PublicServer> server{new PublicServer};
  server->watches_ = std::make_unique<Watches>(options);
  server->calls_ = std::make_unique<Calls>(requests, std::move(options));
  server->services_ = std::make_unique<Services>(*server->calls_, *server->watches_);
  Services& s = *server->services_;
  const std::vector<grpc::Service*> all{&s.groups,    &s.guests, &s.nodes, &s.events, &s.moves,
                                        &s.offerings, &s.ledger, &s.plans, &s.intents};
  ASSIGN_OR_RETURN(s.listening, in_context("public server", listen(address, credentials, all)));
  return server;
}

PublicServer::~PublicServer() {
  if (!services_ || !services_->listening.server) return;
  calls_->close();
  watches_->close();
  services_->listening.server->Shutdown(std::chrono::system_clock::now());
  services_->listening.server->Wait();
  services_->listening.server.reset();  // Before the services that it calls.
}

void PublicServer::answer(std::uint64_t id, ports::Answer answer) { calls_->answer(id, answer); }
void PublicServer::begin(std::uint64_t version) { watches_->begin(version); }
void PublicServer::publish(ports::Change change) { watches_->publish(std::move(change)); }
std::uint16_t PublicServer::port() const { return services_->listening.port; }

}  // namespace godwit::grpc_edge
