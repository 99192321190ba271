// parse_npy() on any bytes: an array whose data match its shape, or an error; never a crash or a huge allocation.
#include <cstdlib>

#include "sparseloom/zoo/dataset.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto array = sparseloom::zoo::parse_npy({reinterpret_cast<const char*>(data), size}, "input.npy");
  if (array.ok()) {
    const auto count = sparseloom::element_count(array->shape);
    if (!count.ok() || *count * sparseloom::element_bytes(array->type) != array->data.size()) std::abort();
  } else if (array.status().message().find("input.npy") == std::string::npos) {
    std::abort();
  }
  return 0;
}
