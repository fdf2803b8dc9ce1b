// Ownership of objects of C libraries.
#pragma once

namespace azkv::support {

/// Deleter of a `std::unique_ptr` that calls a function of the library.
template <auto Free>
class freed_by {
public:
    template <class T>
    void operator()(T* p) const noexcept {
        Free(p);
    }
};

} // namespace azkv::support
