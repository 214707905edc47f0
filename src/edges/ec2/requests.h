// Commands of the port as forms of the Query API, without Action and Version. Parameters: AWS's
// service model of EC2, 2016-11-15.
#pragma once

#include <span>
#include <string>

#include "base/error.h"
#include "edges/ec2/text.h"
#include "ports/cloud.h"

namespace godwit::ec2 {

// RunInstances. InvalidArgument: a token, user data or maximum price that the port does not allow.
// Nested virtualization is switched on by CpuOptions; on bare metal there is nothing to switch.
Result<Form> run_form(const ports::Launch& launch);

Form terminate_form(const std::string& instance);
Form list_form(const ports::ListInstances& list);  // One page's size is 1,000.
Form examine_form(const std::string& instance);
// At most 100 types each: what DescribeInstanceTypes takes. None: all.
Form prices_form(Time since, std::span<const std::string> types);
Form types_form(std::span<const std::string> types);
Form offerings_form(std::span<const std::string> types);

}  // namespace godwit::ec2
