// Host names for tests, instead of name servers: with addresses that a test chooses, and some whose look-up
// hangs until it is released. Every other name is looked up by the system.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace azkv::test {

/// A host name as long as it lives.
class host_name {
public:
    /// Has these addresses, in this order.
    host_name(std::string name, std::vector<std::string> addresses);

    /// Its look-ups hang until they are released, then find these addresses.
    static host_name hanging(std::string name, std::vector<std::string> addresses = {});

    /// Its look-ups fail so.
    static host_name failing(std::string name, int error);

    host_name(const host_name&) = delete;
    host_name& operator=(const host_name&) = delete;

    ~host_name(); // releases, and waits for those that are under way

    const std::string& name() const { return name_; }

    /// How many look-ups have begun.
    std::size_t begun() const;

    void wait_until_begun(std::size_t n) const;

    void release();

    void wait_until_over() const; // those that have begun

    /// Whether no handler of a signal could run on the threads of its look-ups.
    bool signals_were_blocked() const;

private:
    host_name(std::string name, std::vector<std::string> addresses, bool hangs, int error);

    const std::string name_;
};

} // namespace azkv::test
