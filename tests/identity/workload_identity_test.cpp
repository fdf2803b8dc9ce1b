#include "identity/sources/workload_identity.hpp"
#include "support/certificates.hpp"
#include "support/identity_server.hpp"
#include "support/recorded_environment.hpp"
#include "support/run.hpp"
#include "support/scripted_transport.hpp"

#include <boost/asio/io_context.hpp>
#include <doctest/doctest.h>

#include <filesystem>
#include <fstream>

using namespace azkv;
using namespace azkv::identity;
using namespace azkv::test;

namespace {

std::string assertion(const client_proof& prove) {
    std::string form;
    prove(form, proof_purpose());
    return parse_form(form).at("client_assertion");
}

error failure(const client_proof& prove) {
    const error e = failure_of([&] { assertion(prove); });
    CHECK(e.code() == errc::authentication_failed);
    return e;
}

} // namespace

TEST_CASE("the token file is sent byte for byte") {
    const temporary_file file(secrets::federated_token);
    std::string form = "a=b";
    prove_by_token_file(file.path())(form, proof_purpose());
    const bool same =
        form
        == "a=b&client_assertion_type=urn%3Aietf%3Aparams%3Aoauth%3Aclient-assertion-type%3Ajwt-bearer"
           "&client_assertion="
               + secrets::federated_token;
    CHECK(same);
}

TEST_CASE("the token file is read again for each token and trimmed") {
    const temporary_file file(secrets::federated_token);
    const client_proof prove = prove_by_token_file(file.path());
    const bool first = assertion(prove) == secrets::federated_token;
    CHECK(first);
    std::ofstream(file.path()) << " \r\n\t" << secrets::renewed_federated_token << "\r\n \n";
    const bool second = assertion(prove) == secrets::renewed_federated_token;
    CHECK(second);
}

TEST_CASE("a token file without a token") {
    const temporary_file file("");
    const client_proof prove = prove_by_token_file(file.path()); // read only when it is needed
    const std::string name = "the token file " + file.path();
    CHECK(failure(prove).what() == name + " is empty");
    std::ofstream(file.path()) << " \t\r\n";
    CHECK(failure(prove).what() == name + " is empty");

    std::ofstream(file.path()) << std::string(64 * 1024, 'x');
    CHECK(assertion(prove).size() == 64 * 1024);
    std::ofstream(file.path()) << std::string(64 * 1024, 'x') + '\n';
    CHECK(failure(prove).what() == name + " has more than 64 KiB");

    std::filesystem::remove(file.path());
    CHECK(failure(prove).what() == name + " cannot be read: No such file or directory");
    CHECK(contains(failure(prove_by_token_file("/")).what(), "cannot be read: Is a directory"));
    CHECK(failure_of([] { prove_by_token_file(""); }).code() == errc::invalid_argument);
}

TEST_CASE("the variables configure workload identity") {
    const temporary_file file(secrets::federated_token);
    asio::io_context context;
    const auto net = std::make_shared<scripted_transport>();
    recorded_environment env;
    env.variables = {{"AZURE_TENANT_ID", "tenant-1"},
                     {"AZURE_CLIENT_ID", "app-1"},
                     {"AZURE_FEDERATED_TOKEN_FILE", file.path()}};
    net->answer(200, token_body());
    const auto c = make_workload_identity_credential(env.with(net), entra_settings());
    const access_token t = token_of(context, c, token_request("https://storage.azure.com/.default"));
    const bool same = t.token().reveal() == secrets::access_token;
    CHECK(same);
    CHECK(net->sent.at(0).starts_with("POST /tenant-1/oauth2/v2.0/token HTTP/1.1\r\n"));
    CHECK(contains(net->sent.at(0), "&client_id=app-1&"));

    std::filesystem::remove(file.path()); // configured, so it should work: not unavailable
    const error e = failure_of([&] { token_of(context, c, token_request("x")); });
    CHECK(e.code() == errc::authentication_failed);
    CHECK(net->sent.size() == 1);

    env.variables["AZURE_TENANT_ID"] = "tenant/1";
    const error wrong =
        failure_of([&] { make_workload_identity_credential(env.with(net), entra_settings()); });
    CHECK(wrong.code() == errc::invalid_argument);
    CHECK(contains(wrong.what(), "workload identity"));
}

TEST_CASE("workload identity without a variable is unavailable and the error names it") {
    asio::io_context context;
    const std::vector<std::string> names{"AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_FEDERATED_TOKEN_FILE"};
    for (unsigned set = 0; set < 7; ++set) { // all combinations except the complete one
        recorded_environment env;
        for (unsigned i = 0; i < 3; ++i) env.variables[names[i]] = set & (1u << i) ? "x" : "";
        const auto c = make_workload_identity_credential(env.offline(), entra_settings());
        const auto unawaited = c->token(token_request("x")); // throws only when it is awaited
        const error e = failure_of([&] { token_of(context, c, token_request("x")); });
        CHECK(e.code() == errc::credential_unavailable);
        for (unsigned i = 0; i < 3; ++i) CHECK(contains(e.what(), names[i]) == !(set & (1u << i)));
    }
}
