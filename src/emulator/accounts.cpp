#include "emulator/accounts.hpp"

#include "emulator/storage.hpp"
#include "emulator/target.hpp"
#include "support/require.hpp"

#include <algorithm>
#include <filesystem>
#include <set>
#include <stdexcept>
#include <string>
#include <utility>

namespace azkv::emulation {

namespace {

std::vector<std::pair<std::string, std::string>> all_accounts(const emulator_options& o) {
    std::vector<std::pair<std::string, std::string>> all{{o.account(), o.key()}};
    all.insert(all.end(), o.added_accounts().begin(), o.added_accounts().end());
    std::set<std::string_view> names;
    for (const auto& [name, key] : all)
        azkv::require(names.insert(name).second, "add_account: the account \"" + name + "\" is given twice");
    return all;
}

// An earlier version kept the tables of its only account in the directory itself. Returns their account;
// empty if there are none.
std::string account_in(const std::string& directory, const emulator_options& o) {
    if (directory.empty() || !storage::is_in(directory)) return {};
    std::string owner = storage(directory).setting(service::account_setting);
    if (owner.empty()) return o.account(); // the service records it
    const auto is_owner = [&](const auto& added) { return added.first == owner; };
    if (owner != o.account() && std::ranges::none_of(o.added_accounts(), is_owner))
        throw std::runtime_error("the directory \"" + directory + "\" has the tables of the account \""
                                 + owner + "\", which is none of this emulator's accounts");
    return owner;
}

// The account in `SharedKey account:signature`; empty if there is none.
std::string_view signing_account(std::string_view authorization) {
    if (!authorization.starts_with("SharedKey")) return {};
    authorization.remove_prefix(std::min(authorization.find(' '), authorization.size() - 1) + 1);
    return authorization.substr(0, authorization.find(':'));
}

// The two modes have default accounts of their own: without this check a directory of the other mode would
// seem empty.
void check_folders(const emulator_options& o, const std::string& kept_at_top) {
    if (o.directory().empty() || !std::filesystem::exists(o.directory())) return;
    const std::string mode = o.mode() == service_mode::storage ? "storage" : "cosmos";
    for (const auto& entry : std::filesystem::directory_iterator(o.directory())) {
        if (!entry.is_directory() || !storage::is_in(entry.path().string())) continue;
        const std::string name = entry.path().filename().string();
        if (name == kept_at_top)
            throw std::runtime_error("the directory \"" + o.directory()
                                     + "\" has the tables of the account \"" + name
                                     + "\" twice, in itself and in a folder of that name");
        const std::string kept = storage(entry.path().string()).setting("mode");
        if (!kept.empty() && kept != mode)
            throw std::runtime_error("the directory \"" + o.directory()
                                     + "\" has the tables of an emulator in " + kept + " mode");
    }
}

} // namespace

accounts::accounts(const emulator_options& o) {
    const auto all = all_accounts(o);
    const std::string kept_at_top = account_in(o.directory(), o);
    check_folders(o, kept_at_top);
    for (const auto& [name, key] : all) {
        emulator_options each = o;
        each.account(name, key);
        if (!o.directory().empty() && name != kept_at_top)
            each.directory((std::filesystem::path(o.directory()) / name).string());
        services_.push_back(std::make_unique<service>(each));
    }
}

service& accounts::serving(const request& r) {
    service& first = *services_.front();
    if (services_.size() == 1) return first;
    if (service* const named = find(account_label(r.header("Host")))) return *named;
    const bool is_storage = mode() == service_mode::storage;
    service* const named =
        find(is_storage ? account_segment(r.target) : signing_account(r.header("Authorization")));
    return named ? *named : first;
}

service* accounts::find(std::string_view name) {
    const auto found =
        std::ranges::find_if(services_, [&](const auto& s) { return is_endpoint_of(s->account(), name); });
    return found == services_.end() ? nullptr : found->get();
}

} // namespace azkv::emulation
