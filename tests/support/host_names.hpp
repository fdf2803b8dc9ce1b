// Host names for tests, instead of name servers: with addresses that a test chooses, and some whose look-up
// hangs until it is released. The system looks up every other name.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace azkv::test {

/// A host name that exists as long as the object.
class host_name {
public:
    /// Has these addresses, in this order.
    host_name(std::string name, std::vector<std::string> addresses);

    /// Its look-ups hang until they are released, then find these addresses.
    static host_name hanging(std::string name, std::vector<std::string> addresses = {});

    /// Its look-ups fail with this error.
    static host_name failing(std::string name, int error);

    host_name(const host_name&) = delete;
    host_name& operator=(const host_name&) = delete;

    ~host_name(); // releases all look-ups, and waits for those in flight

    const std::string& name() const { return name_; }

    /// Returns how many look-ups have begun.
    std::size_t begun() const;

    void wait_until_begun(std::size_t n) const;

    void release();

    void wait_until_over() const; // for those that have begun

    /// Returns whether the threads of its look-ups blocked all signals.
    bool signals_were_blocked() const;

private:
    host_name(std::string name, std::vector<std::string> addresses, bool hangs, int error);

    const std::string name_;
};

} // namespace azkv::test
