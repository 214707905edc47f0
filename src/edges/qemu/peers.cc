#include "edges/qemu/peers.h"

#include <filesystem>
#include <format>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

namespace godwit::qemu {
namespace {

namespace fs = std::filesystem;

constexpr const char* kEstablished = "01";

}  // namespace

bool has_tcp_peer(pid_t pid) {
  std::set<std::string> inodes;
  std::error_code error;
  for (const auto& fd : fs::directory_iterator(std::format("/proc/{}/fd", pid), error)) {
    std::error_code gone;
    const std::string link = fs::read_symlink(fd.path(), gone).string();
    if (link.starts_with("socket:[")) inodes.insert(link.substr(8, link.size() - 9));
  }
  if (error) return true;
  for (const char* table : {"tcp", "tcp6"}) {
    std::ifstream in(std::format("/proc/{}/net/{}", pid, table));
    if (!in && std::string(table) == "tcp") return true;
    std::string line;
    std::getline(in, line);  // The head.
    while (std::getline(in, line)) {
      // Number, local, remote, state, queues, timer, retransmits, uid, timeout, inode.
      std::istringstream words(line);
      std::string state, inode;
      for (int i = 0; i < 3; ++i) words >> state;
      words >> state;
      for (int i = 0; i < 5; ++i) words >> inode;
      words >> inode;
      if (state == kEstablished && inodes.contains(inode)) return true;
    }
  }
  return false;
}

}  // namespace godwit::qemu
