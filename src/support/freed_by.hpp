// Objects of C libraries, owned.
#pragma once

namespace azkv::support {

/// For a `std::unique_ptr` to what a C library frees by a function of its own.
template <auto Free>
class freed_by {
public:
    template <class T>
    void operator()(T* p) const noexcept {
        Free(p);
    }
};

} // namespace azkv::support
