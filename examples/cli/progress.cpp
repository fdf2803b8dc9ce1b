#include "progress.hpp"

#include <cstdio>
#include <unistd.h>
#include <utility>

using namespace std::chrono_literals;

progress::progress(std::string noun) : noun_(std::move(noun)), on_terminal_(::isatty(STDERR_FILENO) == 1) {}

progress::~progress() {
    if (shown_ != begin_) show(true);
}

void progress::add(std::size_t n) {
    count_ += n;
    const auto now = std::chrono::steady_clock::now();
    if (!on_terminal_ || now - shown_ < 200ms) return;
    shown_ = now;
    show(false);
}

void progress::show(bool last) {
    const std::chrono::duration<double> time = std::chrono::steady_clock::now() - begin_;
    const double rate = static_cast<double>(count_) / time.count();
    std::fprintf(stderr, "\r\033[K%zu %s, %.0f/s, %.1f s%s", count_, noun_.c_str(), rate, time.count(),
                 last ? "\n" : "");
}
