// Makes a base image from a container image.
//
// The store is a directory: SHA256 is a base image (raw, with an ext4 file system), SHA256.json its
// configuration, and the same for every other base. The bytes are made once, here, and moved by
// hash: two runs of mkfs over equal layers need not agree.
#pragma once

#include <string>

#include "base/error.h"
#include "edges/oci/config.h"
#include "lib/io/loop.h"

namespace godwit::oci {

struct ImportRequest {
  std::string path;  // A directory with an OCI layout, an OCI archive or a docker archive.
  std::string tag;   // Which image of several; empty: the only one.
  std::string store;
};

struct Imported {
  std::string sha256;
  std::uint64_t bytes = 0;  // The base image's size, and the least a guest's disk can have.
  ImageConfig config;
};

// On failure nothing is left behind. InvalidArgument and NotFound say what is wrong with `path`,
// and what would be right.
io::Task<Result<Imported>> import_image(ImportRequest request);

// NotFound, or DataLoss when the file is damaged.
Result<ImageConfig> read_stored_config(const std::string& store, const std::string& sha256);

}  // namespace godwit::oci
