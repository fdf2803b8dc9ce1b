// Memory for parsers of secrets.
#pragma once

#include <boost/json/memory_resource.hpp>
#include <openssl/crypto.h>

#include <cstddef>
#include <new>

namespace azkv::support {

/// Memory of parsed values that hold a secret: overwritten before it is freed.
class wiping_memory final : public boost::json::memory_resource {
private:
    void* do_allocate(std::size_t size, std::size_t) override { return ::operator new(size); }

    void do_deallocate(void* at, std::size_t size, std::size_t) override {
        OPENSSL_cleanse(at, size);
        ::operator delete(at);
    }

    bool do_is_equal(const boost::json::memory_resource& other) const noexcept override {
        return this == &other;
    }
};

} // namespace azkv::support
