#include "sparseloom/base/status.h"

namespace sparseloom {

std::string_view to_string(Code code) {
  switch (code) {
    case Code::kOk: return "OK";
    case Code::kInvalidArgument: return "INVALID_ARGUMENT";
    case Code::kMalformed: return "MALFORMED";
    case Code::kNotFound: return "NOT_FOUND";
    case Code::kDataLoss: return "DATA_LOSS";
    case Code::kFailedPrecondition: return "FAILED_PRECONDITION";
    case Code::kResourceExhausted: return "RESOURCE_EXHAUSTED";
    case Code::kUnavailable: return "UNAVAILABLE";
    case Code::kCancelled: return "CANCELLED";
    case Code::kInternal: return "INTERNAL";
  }
  return "UNKNOWN";
}

int exit_status(Code code) {
  switch (code) {
    case Code::kOk: return 0;
    case Code::kInvalidArgument: return 2;
    case Code::kCancelled: return 130;
    default: return 1;
  }
}

}  // namespace sparseloom
