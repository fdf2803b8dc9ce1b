#include "identity/sources/chain.hpp"

#include <azkv/error.hpp>

#include <algorithm>
#include <atomic>

namespace azkv::identity {

namespace {

/// The errors of the credentials that were tried.
class failures {
public:
    void add(const std::string& name, const error& e) {
        what_.append(what_.empty() ? "" : "; ").append(name).append(": ").append(e.what());
        details_.status = e.status();
        details_.service_code = e.service_code();
        details_.request_id = e.request_id();
        if (e.server_message().empty()) return;
        std::string& text = details_.server_message;
        text.append(text.empty() ? "" : "\n").append(name).append(": ").append(e.server_message());
    }

    [[noreturn]] void fail(boost::system::error_code code) const { throw error(code, what_, details_); }

private:
    std::string what_;
    diagnostics details_;
};

class chain final : public token_credential {
public:
    explicit chain(std::vector<chain_link> links) : links_(std::move(links)) {}

    asio::awaitable<access_token> token(token_request request) override {
        if (const std::size_t found = found_; found < links_.size()) // whatever it throws
            co_return co_await links_[found].source->token(std::move(request));
        failures failed;
        boost::system::error_code code = errc::credential_unavailable;
        for (std::size_t i = 0; i < links_.size(); ++i) {
            try {
                access_token t = co_await links_[i].source->token(request);
                found_ = i;
                co_return t;
            } catch (const error& e) {
                failed.add(links_[i].name, e);
                if (e.code() != errc::credential_unavailable) code = e.code();
            }
            // It is set up here but failed: the next one could stand for another identity.
            if (code != errc::credential_unavailable && !links_[i].may_fail) break;
        }
        failed.fail(code);
    }

private:
    const std::vector<chain_link> links_;
    std::atomic<std::size_t> found_{static_cast<std::size_t>(-1)};
};

} // namespace

std::shared_ptr<token_credential> make_chain(std::vector<chain_link> links) {
    const bool valid =
        !links.empty() && std::ranges::all_of(links, [](const chain_link& l) { return l.source != nullptr; });
    if (!valid)
        throw error(errc::invalid_argument, "a chain needs at least one credential, and none may be null");
    return std::make_shared<chain>(std::move(links));
}

} // namespace azkv::identity
