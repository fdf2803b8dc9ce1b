// Memory for one operation of Asio at a time, so that beginning that operation cannot fail for want of
// memory.
#pragma once

#include <cstddef>
#include <new>

namespace azkv::async {

/// An operation begins when its coroutine is suspended already: an exception would be thrown at whoever runs
/// the execution context, and the coroutine would never be resumed. Must outlive the operation.
class operation_memory {
public:
    /// For `asio::bind_allocator`.
    template <class T>
    class allocator {
    public:
        using value_type = T;

        explicit allocator(operation_memory& m) noexcept : memory_(&m) {}

        template <class U>
        allocator(const allocator<U>& other) noexcept : memory_(other.memory_) {}

        T* allocate(std::size_t n) {
            static_assert(alignof(T) <= alignof(std::max_align_t));
            return static_cast<T*>(memory_->take(n * sizeof(T)));
        }

        void deallocate(T* p, std::size_t) noexcept { memory_->give_back(p); }

        template <class U>
        bool operator==(const allocator<U>& other) const noexcept {
            return memory_ == other.memory_;
        }

    private:
        template <class>
        friend class allocator;

        operation_memory* memory_;
    };

    operation_memory() {}

    operation_memory(const operation_memory&) = delete;
    operation_memory& operator=(const operation_memory&) = delete;

    allocator<void*> get() noexcept { return allocator<void*>(*this); }

private:
    void* take(std::size_t size) {
        if (taken_ || size > sizeof room_) return ::operator new(size);
        taken_ = true;
        return room_;
    }

    void give_back(void* p) noexcept {
        if (p == room_)
            taken_ = false;
        else
            ::operator delete(p);
    }

    alignas(std::max_align_t) std::byte room_[512];
    bool taken_ = false;
};

} // namespace azkv::async
