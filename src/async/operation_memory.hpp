// Memory for an asynchronous operation, so that starting it cannot fail.
#pragma once

#include <cstddef>
#include <new>

namespace azkv::async {

/// Memory for one Asio operation at a time; a second one uses the heap. Asio starts an awaited operation
/// after it has suspended the coroutine: a `bad_alloc` at that point would leave through the execution
/// context, and the coroutine would never resume. Must outlive the operation.
class operation_memory {
public:
    operation_memory() {}

    operation_memory(const operation_memory&) = delete;
    operation_memory& operator=(const operation_memory&) = delete;

    template <class T>
    class allocator {
    public:
        using value_type = T;

        explicit allocator(operation_memory& m) noexcept : memory_(&m) {}

        template <class U>
        allocator(const allocator<U>& other) noexcept : memory_(other.memory_) {}

        T* allocate(std::size_t n) {
            static_assert(sizeof(T) <= size && alignof(T) <= alignof(std::max_align_t));
            if (n > 1 || memory_->taken_) return static_cast<T*>(::operator new(n * sizeof(T)));
            memory_->taken_ = true;
            return reinterpret_cast<T*>(memory_->bytes_);
        }

        void deallocate(T* p, std::size_t) noexcept {
            if (reinterpret_cast<std::byte*>(p) == memory_->bytes_)
                memory_->taken_ = false;
            else
                ::operator delete(p);
        }

        template <class U>
        bool operator==(const allocator<U>& other) const noexcept {
            return memory_ == other.memory_;
        }

    private:
        template <class U>
        friend class allocator;

        operation_memory* memory_;
    };

    allocator<std::byte> get_allocator() noexcept { return allocator<std::byte>(*this); }

private:
    static constexpr std::size_t size = 512;

    alignas(std::max_align_t) std::byte bytes_[size];
    bool taken_ = false;
};

} // namespace azkv::async
