// Serves one picture model: prints the digit it sees in a picture. How to build: CMakeLists.txt.
#include <sparseloom/server.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>

int main(int, char** argv) {
  using namespace std::chrono_literals;
  auto server = sparseloom::Server::open({.models = {{"digits", argv[1]}}});
  if (!server.ok()) return std::puts(server.status().message().c_str()), 1;

  const std::vector<std::uint8_t> pixels(28 * 28, 255);
  const sparseloom::Reply reply =
      server->infer("digits", {sparseloom::Input::copy("pixels", pixels)}, {.latency = 20ms}).get();
  if (!reply.status.ok()) return std::puts(reply.status.message().c_str()), 1;

  const auto scores = reply.outputs[0].as<float>();
  std::printf("a white square is a %td\n", std::max_element(scores.begin(), scores.end()) - scores.begin());
}
