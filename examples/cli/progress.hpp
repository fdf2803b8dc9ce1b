#pragma once

#include <chrono>
#include <cstddef>
#include <string>

/// Shows the progress of a long job on a terminal: count, rate and elapsed time. Silent if standard error is
/// not a terminal.
class progress {
public:
    explicit progress(std::string noun);
    ~progress();

    void add(std::size_t n = 1);

private:
    void show(bool last);

    std::string noun_;
    bool on_terminal_;
    std::size_t count_ = 0;
    std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
    std::chrono::steady_clock::time_point shown_ = begin_;
};
