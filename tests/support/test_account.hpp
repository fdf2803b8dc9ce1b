// The account of the tests.
#pragma once

#include <azkv/credential.hpp>

namespace azkv::test {

/// The account that tests use where no service checks the signature, and its key ("secret-secret").
inline constexpr char test_account[] = "acct";
inline constexpr char test_key[] = "c2VjcmV0LXNlY3JldA==";

inline credential test_credential() {
    return credential::shared_key(test_account, test_key);
}

} // namespace azkv::test
