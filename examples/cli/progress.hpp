#pragma once

#include <chrono>
#include <cstddef>
#include <string>

/// Shows on a terminal how a long job gets on: how many, how fast, for how long. Silent if standard error is
/// no terminal.
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
