#pragma once

#include <azkv/config.hpp>
#include <azkv/etag.hpp>

#include <utility>

namespace azkv {

/// Why a conditional write was not made: a fact about the row, not a failure.
enum class conflict {
    none,    ///< it was made
    exists,  ///< insert: the key is there
    changed, ///< replace, erase: the row has another version
    gone,    ///< replace, erase: there is no row
};

/// The outcome of a conditional write: made, with the new version, or why nothing was written.
class AZKV_DECL [[nodiscard]] write_result {
public:
    /// Nothing was written.
    explicit write_result() {}

    /// It was made.
    explicit write_result(azkv::etag written) : made_(true), etag_(std::move(written)) {}

    /// It was not made.
    explicit write_result(conflict why) : why_(why) {}

    /// Returns whether it was made.
    explicit operator bool() const noexcept { return made_; }

    /// Returns the version that was written; empty after an `erase`, or if nothing was written. If the
    /// response to the write was lost and others have written since, it is one that the row no longer has:
    /// the next conditional write then finds the row changed.
    const azkv::etag& etag() const noexcept { return etag_; }

    conflict why() const noexcept { return why_; }

private:
    bool made_ = false;
    azkv::etag etag_;
    conflict why_ = conflict::none;
};

} // namespace azkv
