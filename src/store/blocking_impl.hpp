// The implementation of a blocking store: each call borrows a session.
#pragma once

#include "client/call_settings.hpp"
#include "client/service_context.hpp"
#include "store/blocking_session.hpp"
#include "support/per_process.hpp"

#include <azkv/blocking_store.hpp>

#include <memory>
#include <optional>
#include <utility>

namespace azkv {

class [[gnu::visibility("hidden")]] blocking_store::implementation {
public:
    explicit implementation(std::shared_ptr<const client::service_context> service);

    /// Creates a view of `viewed` with other settings.
    implementation(const implementation& viewed, client::call_settings settings)
        : sessions_(viewed.sessions_), settings_(std::move(settings)) {}

    /// Returns the sessions of the calling process.
    blocking::session_pool& sessions();

    client::call_settings settings();

    /// Returns the session's store with the settings of this view.
    store store_on(const blocking::session& s) const;

    /// Runs the awaitable that `operation(store&)` returns.
    template <class Operation>
    auto run(Operation operation) {
        const blocking::borrowed_session l(sessions());
        store db = store_on(l.session());
        return l.session().run(operation(db));
    }

private:
    std::shared_ptr<support::per_process<blocking::session_pool>> sessions_; // shared by all views
    std::optional<client::call_settings> settings_;                          // of a view
};

} // namespace azkv
