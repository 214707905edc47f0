#include "lib/nft/nft.h"

#include <linux/netlink.h>
#include <nftables/libnftables.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <format>
#include <memory>
#include <string_view>

namespace godwit::nft {
namespace {

struct FreeContext {
  void operator()(nft_ctx* context) const { nft_ctx_free(context); }
};

// A context has a netlink socket of the current namespace, so it is made for each call.
Result<std::string> run(const std::string& commands) {
  // Where there is no such socket, nft_ctx_new would end the whole program.
  const int probe = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
  if (probe < 0) return system_error("open a netfilter socket", errno);
  close(probe);
  const std::unique_ptr<nft_ctx, FreeContext> context(nft_ctx_new(NFT_CTX_DEFAULT));
  if (!context) return fail(Code::kResourceExhausted, "no context of libnftables");
  nft_ctx_buffer_output(context.get());
  nft_ctx_buffer_error(context.get());
  if (nft_run_cmd_from_buffer(context.get(), commands.c_str()) != 0)
    return invalid(std::format("nft: {}", nft_ctx_get_error_buffer(context.get())));
  return std::string(nft_ctx_get_output_buffer(context.get()));
}

}  // namespace

Status load(const std::string& ruleset) {
  auto printed = run(ruleset);
  if (!printed) return std::unexpected(std::move(printed.error()));
  return {};
}

Result<std::string> list(const std::string& what) { return run("list " + what); }

Result<std::uint64_t> counter_packets(const std::string& counter) {
  ASSIGN_OR_RETURN(const std::string text, list("counter " + counter));
  static constexpr std::string_view kBefore = "packets ";
  const auto at = text.find(kBefore);
  std::uint64_t packets = 0;
  if (at == std::string::npos ||
      std::from_chars(text.data() + at + kBefore.size(), text.data() + text.size(), packets).ec !=
          std::errc{})
    return internal(std::format("counter {}: {}", counter, text));
  return packets;
}

}  // namespace godwit::nft
