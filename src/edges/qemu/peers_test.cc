#include "edges/qemu/peers.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

namespace godwit::qemu {
namespace {

TEST(Peers, AConnectionCountsAndAListenerDoesNot) {
  const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof at;
  ASSERT_EQ(bind(listener, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  ASSERT_EQ(listen(listener, 1), 0);
  ASSERT_EQ(getsockname(listener, reinterpret_cast<sockaddr*>(&at), &size), 0);
  EXPECT_FALSE(has_tcp_peer(getpid()));
  const int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ASSERT_EQ(connect(client, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
  EXPECT_TRUE(has_tcp_peer(getpid()));
  close(client);
  close(listener);
  EXPECT_FALSE(has_tcp_peer(getpid()));
  EXPECT_TRUE(has_tcp_peer(-1)) << "what cannot be read is taken to be connected";
}

}  // namespace
}  // namespace godwit::qemu
