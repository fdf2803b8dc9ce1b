// Handlers that are called within a scope, for what must hold while a library runs and not while others do.
#pragma once

#include <boost/asio/associator.hpp>

#include <utility>

namespace azkv::async {

/// A handler that is called within a scope: a `Scope` is made before. It has what is associated with the
/// handler, such as an executor.
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
