#include "client/request_head.hpp"

#include "client/operation_context.hpp"
#include "client/service_context.hpp"

#include <azkv/config.hpp>

#include <chrono>
#include <cstddef>
#include <string_view>

namespace azkv::client {

namespace {

// The oldest version whose 401 names the authority to ask for a token.
// https://learn.microsoft.com/rest/api/storageservices/versioning-for-the-azure-storage-services
constexpr std::string_view service_version = "2020-12-06";

// Returns everything after the target up to the value of the last common header.
std::string common_head(const protocol::endpoint& at) {
    std::string head = " HTTP/1.1\r\nHost: " + at.host_header + "\r\n";
    head.append("User-Agent: azkv/" AZKV_VERSION_STRING "\r\n"
                "Accept: application/json;odata=minimalmetadata\r\n"
                "DataServiceVersion: 3.0\r\n"
                "MaxDataServiceVersion: 3.0;NetFx\r\n");
    head.append("x-ms-version: ").append(service_version).append("\r\n");
    head.append("x-ms-client-request-id: ");
    return head;
}

} // namespace

common_heads::common_heads(const service_context& service)
    : service_(service), primary_(common_head(service.endpoint)),
      secondary_(service.secondary ? common_head(*service.secondary) : std::string()) {}

const std::string& common_heads::for_endpoint(const protocol::endpoint& at) const {
    return &at == &service_.endpoint ? primary_ : secondary_;
}

std::string request_head::write() const {
    const protocol::request& r = request_;
    const auto& signer = op_.service().signer;
    const std::string_view credential = signer ? signer->query() : std::string_view();
    const std::string& common = common_.for_endpoint(at_);
    const bool joins_body = r.body.size() <= net::longest_joined_body;

    std::string head;
    // Reserved at once: growing would leave copies of secrets in freed memory.
    head.reserve(at_.base_path.size() + r.path.size() + r.query.size() + credential.size() + common.size()
                 + token_.reveal().size() + op_.settings().trace.size() + (joins_body ? r.body.size() : 0)
                 + r.if_match.size() + 384);
    head.append(r.method).append(" ");
    const std::size_t target = head.size();
    head.append(at_.base_path).append(r.path);
    if (!r.query.empty()) head.append("?").append(r.query);
    if (!credential.empty()) head.append(r.query.empty() ? "?" : "&").append(credential);
    const std::size_t target_end = head.size();
    head.append(common).append(op_.id()).append("\r\n");
    head.append(op_.settings().trace);
    if (!r.if_match.empty()) head.append("If-Match: ").append(r.if_match).append("\r\n");
    if (!r.prefer.empty()) head.append("Prefer: ").append(r.prefer).append("\r\n");
    if (!r.content_type.empty()) {
        head.append("Content-Type: ").append(r.content_type).append("\r\n");
        head.append("Content-Length: ").append(std::to_string(r.body.size())).append("\r\n");
    }
    if (signer) {
        identity::signing_input input;
        input.method = r.method;
        input.content_type = r.content_type;
        input.target = std::string_view(head).substr(target, target_end - target);
        signer->append_headers(head, input, std::chrono::system_clock::now());
    } else if (!token_.empty()) {
        head.append("Authorization: Bearer ").append(token_.reveal()).append("\r\n");
    }
    head.append("\r\n");
    return head;
}

} // namespace azkv::client
