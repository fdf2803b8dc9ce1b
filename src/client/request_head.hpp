// The head of a request on the wire: request line, headers, signature. No I/O.
#pragma once

#include "net/transport.hpp"
#include "protocol/endpoint.hpp"
#include "protocol/message.hpp"

#include <azkv/secret.hpp>

#include <string>

namespace azkv::client {

class operation_context;
class service_context;

/// The part that the heads of all requests to one endpoint have in common.
class common_heads {
public:
    explicit common_heads(const service_context& service);

    const std::string& for_endpoint(const protocol::endpoint& at) const;

private:
    const service_context& service_;
    std::string primary_;
    std::string secondary_;
};

/// Writes the head of one request just before it is sent, because the date and the signature must be of that
/// moment.
class request_head final : public net::head_writer {
public:
    /// All arguments must outlive it.
    request_head(const common_heads& common, const operation_context& op, const protocol::request& r,
                 const protocol::endpoint& at, const secret& token)
        : common_(common), op_(op), request_(r), at_(at), token_(token) {}

    std::string write() const override;

private:
    const common_heads& common_;
    const operation_context& op_;
    const protocol::request& request_;
    const protocol::endpoint& at_;
    const secret& token_;
};

} // namespace azkv::client
