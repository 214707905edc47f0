// The commands with a fresh control plane behind the real public server.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <format>
#include <fstream>
#include <iterator>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "cli/program.h"
#include "edges/grpc/mailbox.h"
#include "edges/grpc/public_server.h"
#include "fake_control.h"
#include "fake_host.h"

namespace godwit::golden {

namespace fs = std::filesystem;

inline std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

class Stage {
 public:
  Stage() {
    char name[] = "/tmp/godwit-golden-XXXXXX";
    folder_ = ::mkdtemp(name);
    const auto user = fleet_.credentials("user/alice");
    write("ca.pem", user.authority);
    write("user.pem", user.self.certificate);
    write("user.key", user.self.key);
    server_ =
        grpc_edge::PublicServer::start("127.0.0.1:0", fleet_.credentials("control"), control_, {})
            .value();
    server_->begin(100);
    control_.answerer = server_.get();
    control_.publisher = server_.get();
    ::unsetenv("GODWIT_IMAGES");
    ::unsetenv("GODWIT_CLOUD_SOCKET");
    ::setenv("GODWIT_SERVER", std::format("127.0.0.1:{}", server_->port()).c_str(), 1);
    ::setenv("GODWIT_CREDENTIALS", folder_.c_str(), 1);
  }
  ~Stage() {
    server_.reset();
    fs::remove_all(folder_);
  }

  const FakeControl& control() const { return control_; }
  const FakeHost& host() const { return host_; }
  grpc_edge::PublicServer& server() { return *server_; }
  const cli::Program& program() const { return program_; }
  void stop() { server_.reset(); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(folder_ / name, std::ios::binary) << text;
  }

  // What the command printed, as the golden file has it.
  std::string run(const std::vector<std::string>& words) {
    std::vector<std::string> args;
    for (const std::string& word : words)
      args.push_back(word == "spec.yaml" ? (folder_ / word).string() : word);
    std::istringstream in{read_file(folder_ / "spec.yaml")};
    std::ostringstream out, err;
    const int status = cli::run(program_, args, in, out, err);
    std::string text = out.str();
    std::istringstream lines{err.str()};
    for (std::string line; std::getline(lines, line);) text += "! " + line + "\n";
    return masked(text) + std::format("=> {}\n", status);
  }

 private:
  // The folder's name and the port are not the same in two runs.
  std::string masked(std::string text) const {
    for (std::size_t at; (at = text.find(folder_.string() + "/")) != std::string::npos;)
      text.erase(at, folder_.string().size() + 1);
    return text;
  }

  const grpc_edge::Fleet fleet_;
  fs::path folder_;
  FakeControl control_;
  std::unique_ptr<grpc_edge::PublicServer> server_;
  FakeHost host_;
  cli::Program program_{
      .version = "0.1.0",
      .host = host_.verbs(),
      .image_defaults = [](const std::string& store,
                           const std::string& sha256) -> Result<cli::ImageDefaults> {
        if (store != "images" || sha256[0] != 'a')
          return not_found(std::format("no image {} in {}", sha256.substr(0, 8), store));
        return cli::ImageDefaults{{"/bin/server"}, {"PATH=/bin"}, "/srv", 5, 6};
      },
  };
};

}  // namespace godwit::golden
