#include "godwit/agent/v1/agent.grpc.pb.h"
