// The agent's record as one file, FOLDER/record: JSON lines, first the boot and the number of
// guests, then one line per guest.
//
// Each put writes a new file and renames it over the old one, without fsync: the record is as
// durable as the memory of the guests it speaks of, so the folder is on a tmpfs. A killed agent
// leaves the old file or the new one, never a mixture. One agent at a time: nothing locks the file.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "base/error.h"
#include "base/ids.h"
#include "ports/record.h"

namespace godwit::files {

class FileRecord final : public ports::Record {
 public:
  // `folder` exists. An instance of a local cloud has its own file in the place of `boot_id_path`.
  explicit FileRecord(std::string folder,
                      std::string boot_id_path = "/proc/sys/kernel/random/boot_id");

  // InvalidArgument if the record could not be read back as it is (text that is not UTF-8, a size
  // of 2^63 or more); the file is as before whenever this fails. DataLoss if the file that is there
  // is damaged: it is not overwritten. A record of another boot is.
  Status put(const GuestId& guest, const std::optional<ports::GuestRecord>& record) override;

  // No file: no guests. DataLoss with file and line if it is damaged.
  Result<std::map<GuestId, ports::GuestRecord>> load() override;

 private:
  const std::string path_;
  const std::string boot_id_path_;
  // The lines of the file as last read or written, by guest; nullopt before.
  std::optional<std::map<GuestId, std::string>> lines_;
};

}  // namespace godwit::files
