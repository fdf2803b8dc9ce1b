// Handlers that run inside a scope, such as a lock held only while a library's code runs.
#pragma once

#include <boost/asio/associator.hpp>

#include <utility>

namespace azkv::async {

/// Constructs a `Scope`, then calls the handler. Forwards the handler's associations, such as its executor.
template <class Scope, class Handler>
class scoped_handler {
public:
    explicit scoped_handler(Handler h) : handler(std::move(h)) {}

    template <class... Arguments>
    void operator()(Arguments&&... arguments) {
        [[maybe_unused]] const Scope scope;
        std::move(handler)(std::forward<Arguments>(arguments)...);
    }

    Handler handler;
};

template <class Scope, class Handler>
scoped_handler<Scope, Handler> within(Handler h) {
    return scoped_handler<Scope, Handler>(std::move(h));
}

} // namespace azkv::async

template <template <class, class> class Associator, class Scope, class Handler, class Default>
struct boost::asio::associator<Associator, azkv::async::scoped_handler<Scope, Handler>, Default>
    : Associator<Handler, Default> {
    static decltype(auto) get(const azkv::async::scoped_handler<Scope, Handler>& h) noexcept {
        return Associator<Handler, Default>::get(h.handler);
    }

    static decltype(auto) get(const azkv::async::scoped_handler<Scope, Handler>& h,
                              const Default& d) noexcept {
        return Associator<Handler, Default>::get(h.handler, d);
    }
};
