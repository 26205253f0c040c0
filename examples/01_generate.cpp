// SPDX-License-Identifier: Apache-2.0

// A prompt in, text out, byte by byte: 01_generate [--bytes N] [--seed S] [--temperature T] [--host] PROMPT

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>
#include <vector>

#include <byteloom/core/describe.hpp>
#include <byteloom/sample/utf8.hpp>

#include "device.hpp"
#include "english.hpp"

namespace {

struct settings {
  long bytes = 1000;
  unsigned long long seed = 1;
  float temperature = 0.7f;
  bool host_only = false;
  std::string prompt;
};

template <class T, class Parse>
T number(std::string_view option, const char* text, const Parse& parse) {
  char* end = nullptr;
  const auto value = parse(text, &end);
  if (end == text || *end != '\0')
    throw bl::argument_error(std::string(option) + " takes a number, not '" + text + "'.");
  return static_cast<T>(value);
}

settings read_arguments(int count, char** arguments) {
  settings result;
  for (int i = 1; i < count; ++i) {
    const std::string_view option = arguments[i];
    const bool valued = option == "--bytes" || option == "--seed" || option == "--temperature";
    if (valued && i + 1 == count) throw bl::argument_error(std::string(option) + " needs a value after it.");
    if (option == "--bytes") {
      result.bytes = number<long>(option, arguments[++i], [](auto* s, auto** e) { return std::strtol(s, e, 10); });
      if (result.bytes < 1) throw bl::argument_error("--bytes takes a number above 0.");
    } else if (option == "--seed") {
      result.seed = number<unsigned long long>(option, arguments[++i],
                                               [](auto* s, auto** e) { return std::strtoull(s, e, 10); });
    } else if (option == "--temperature") {
      result.temperature = number<float>(option, arguments[++i], [](auto* s, auto** e) { return std::strtof(s, e); });
    } else if (option == "--host") {
      result.host_only = true;
    } else if (option.starts_with("--")) {
      throw bl::argument_error("unknown option " + std::string(option) + ".");
    } else {
      result.prompt += (result.prompt.empty() ? "" : " ") + std::string(option);
    }
  }
  if (result.prompt.empty())
    throw bl::argument_error("usage: 01_generate [--bytes N] [--seed S] [--temperature T] [--host] PROMPT");
  return result;
}

void generate(const settings& given) {
  const auto loaded = bl::load_model(examples::model_file("english"), make_english());
  const auto& tokenizer = loaded.model.tokenizer;
  constexpr bl::token begin = 256;
  std::vector<bl::token> prompt{begin};
  for (const bl::token id : tokenizer.encode(given.prompt)) prompt.push_back(id);

  const auto context = static_cast<bl::index>(prompt.size()) + given.bytes;
  const auto generator = examples::on_best_device(given.host_only, [&](auto executor) {
    return bl::open_generator<english_sampler>(executor, loaded, {.context = context});
  });
  std::fprintf(stderr, "[%s]\n[%s]\n", bl::describe<english>().c_str(), generator->device().c_str());

  const english_sampler how{bl::sample::temperature{given.temperature}, bl::sample::top_k{64},
                            bl::sample::top_p{0.95f}};
  bl::utf8_stream stream;
  const auto show = [](const std::string& text) {
    std::fwrite(text.data(), 1, text.size(), stdout);
    std::fflush(stdout);
  };
  show(given.prompt);
  generator->read(prompt);
  const auto start = std::chrono::steady_clock::now();
  long written = 0;
  for (; written < given.bytes; ++written) {
    const bl::token id = generator->next(how, given.seed);
    if (id >= begin) break;  // the end of a text
    show(stream.push(tokenizer.decode(std::vector<bl::token>{id})));
  }
  show(stream.flush() + "\n");
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::fprintf(stderr, "[%ld bytes, %.0f bytes per second]\n", written,
               static_cast<double>(written) / std::max(seconds.count(), 1e-9));
}

}  // namespace

int main(int count, char** arguments) try {
  generate(read_arguments(count, arguments));
} catch (const std::exception& failure) {
  std::fprintf(stderr, "01_generate: %s\n", failure.what());
  return 1;
}
