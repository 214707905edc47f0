#include "lib/tls/authority.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <chrono>
#include <format>
#include <memory>

#include "lib/tls/digest.h"

namespace godwit::tls {
namespace {

template <class T, void (*release)(T*)>
struct Release {
  void operator()(T* p) const { release(p); }
};
using Key = std::unique_ptr<EVP_PKEY, Release<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Release<X509, X509_free>>;
using Memory = std::unique_ptr<BIO, Release<BIO, BIO_free_all>>;
using Extension = std::unique_ptr<X509_EXTENSION, Release<X509_EXTENSION, X509_EXTENSION_free>>;

constexpr std::size_t kCommonNameMax = 64;  // X.509's ub-common-name.

std::unexpected<Error> openssl_error(Code code, std::string_view what) {
  const unsigned long number = ERR_get_error();
  ERR_clear_error();
  char text[256] = "no reason given";
  if (number != 0) ERR_error_string_n(number, text, sizeof text);
  return fail(code, std::format("{}: {}", what, text));
}

std::string text_of(BIO* memory) {
  char* start = nullptr;
  const long size = BIO_get_mem_data(memory, &start);
  return size > 0 ? std::string(start, static_cast<std::size_t>(size)) : std::string{};
}

Result<Identity> to_pem(X509* certificate, EVP_PKEY* key) {
  const Memory for_certificate{BIO_new(BIO_s_mem())};
  const Memory for_key{BIO_new(BIO_s_mem())};
  if (!for_certificate || !for_key || PEM_write_bio_X509(for_certificate.get(), certificate) != 1 ||
      PEM_write_bio_PKCS8PrivateKey(for_key.get(), key, nullptr, nullptr, 0, nullptr, nullptr) !=
          1) {
    return openssl_error(Code::kInternal, "write pem");
  }
  return Identity{text_of(for_certificate.get()), text_of(for_key.get())};
}

// OpenSSL would ask the terminal for the passphrase of an encrypted key.
int no_passphrase(char*, int, int, void*) { return -1; }

Result<Certificate> read_certificate(const std::string& pem) {
  const Memory memory{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  Certificate certificate{PEM_read_bio_X509(memory.get(), nullptr, no_passphrase, nullptr)};
  if (!certificate) return openssl_error(Code::kInvalidArgument, "not a pem certificate");
  return certificate;
}

Result<Key> read_key(const std::string& pem) {
  const Memory memory{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  Key key{PEM_read_bio_PrivateKey(memory.get(), nullptr, no_passphrase, nullptr)};
  if (!key) return openssl_error(Code::kInvalidArgument, "not an unencrypted pem key");
  return key;
}

bool set_serial(X509* certificate) {
  // 128 random bits: the CA keeps no counter, and no two certificates may share a serial.
  unsigned char bytes[16];
  if (RAND_bytes(bytes, sizeof bytes) != 1) return false;
  bytes[0] = static_cast<unsigned char>((bytes[0] & 0x7f) | 0x40);  // Positive, full length.
  BIGNUM* number = BN_bin2bn(bytes, sizeof bytes, nullptr);
  const bool done =
      number && BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return done;
}

bool set_validity(X509* certificate, const Validity& validity) {
  const auto seconds = [](Time t) {
    return static_cast<time_t>(
        std::chrono::floor<std::chrono::seconds>(t).time_since_epoch().count());
  };
  return ASN1_TIME_set(X509_getm_notBefore(certificate), seconds(validity.from)) &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), seconds(validity.until));
}

bool set_name(X509_NAME* name, const std::string& common_name) {
  return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                                    reinterpret_cast<const unsigned char*>(common_name.data()),
                                    static_cast<int>(common_name.size()), -1, 0) == 1;
}

bool add_extension(X509* certificate, X509* issuer, int kind, const std::string& value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  const Extension extension{X509V3_EXT_conf_nid(nullptr, &context, kind, value.c_str())};
  return extension && X509_add_ext(certificate, extension.get(), -1) == 1;
}

Status check_name(const std::string& name) {
  if (name.empty() || name.size() > kCommonNameMax) {
    return invalid(std::format("common name '{}' has {} bytes, allowed are 1 to {}", name,
                               name.size(), kCommonNameMax));
  }
  return {};
}

struct Unsigned {
  Certificate certificate;
  Key key;
};

Result<Unsigned> begin(const std::string& name, const Validity& validity) {
  TRY(check_name(name));
  Unsigned made{Certificate{X509_new()}, Key{EVP_EC_gen("P-256")}};
  X509* certificate = made.certificate.get();
  if (!made.key || !certificate || X509_set_version(certificate, X509_VERSION_3) != 1 ||
      !set_serial(certificate) || !set_validity(certificate, validity) ||
      !set_name(X509_get_subject_name(certificate), name) ||
      X509_set_pubkey(certificate, made.key.get()) != 1) {
    return openssl_error(Code::kInternal, std::format("make certificate of {}", name));
  }
  return made;
}

// "IP:" or "DNS:" before each name, as OpenSSL's configuration wants it.
Result<std::string> alternative_names(const NodeId& node, const std::vector<std::string>& more) {
  std::string value = "DNS:" + server_name(node);
  for (const std::string& name : more) {
    if (name.empty() || name.find_first_of(",:\n") != std::string::npos) {
      return invalid(std::format("'{}' is neither a host name nor an IPv4 address", name));
    }
    const bool address = name.find_first_not_of("0123456789.") == std::string::npos;
    value += std::format(",{}:{}", address ? "IP" : "DNS", name);
  }
  return value;
}

}  // namespace

std::string server_name(const NodeId& node) {
  // 128 bits: nobody but the CA chooses node ids, so collisions are only accidents.
  return sha256(node.value).substr(0, 32) + ".node.godwit";
}

Result<Identity> make_authority(const std::string& name, const Validity& validity) {
  ASSIGN_OR_RETURN(const Unsigned made, begin(name, validity));
  X509* certificate = made.certificate.get();
  if (X509_set_issuer_name(certificate, X509_get_subject_name(certificate)) != 1 ||
      !add_extension(certificate, certificate, NID_basic_constraints,
                     "critical,CA:TRUE,pathlen:0") ||
      !add_extension(certificate, certificate, NID_key_usage, "critical,keyCertSign,cRLSign") ||
      !add_extension(certificate, certificate, NID_subject_key_identifier, "hash") ||
      X509_sign(certificate, made.key.get(), EVP_sha256()) == 0) {
    return openssl_error(Code::kInternal, "sign authority");
  }
  return to_pem(certificate, made.key.get());
}

Result<Identity> issue(const Identity& authority, const NodeId& node,
                       const std::vector<std::string>& more_names, const Validity& validity) {
  ASSIGN_OR_RETURN(const Certificate issuer,
                   in_context("authority", read_certificate(authority.certificate)));
  ASSIGN_OR_RETURN(const Key issuer_key, in_context("authority", read_key(authority.key)));
  ASSIGN_OR_RETURN(const std::string names, alternative_names(node, more_names));
  ASSIGN_OR_RETURN(const Unsigned made, begin(node.value, validity));
  X509* certificate = made.certificate.get();
  if (X509_check_private_key(issuer.get(), issuer_key.get()) != 1) {
    return openssl_error(Code::kInvalidArgument, "authority's key does not fit its certificate");
  }
  if (X509_set_issuer_name(certificate, X509_get_subject_name(issuer.get())) != 1 ||
      !add_extension(certificate, issuer.get(), NID_basic_constraints, "critical,CA:FALSE") ||
      !add_extension(certificate, issuer.get(), NID_key_usage, "critical,digitalSignature") ||
      !add_extension(certificate, issuer.get(), NID_ext_key_usage, "serverAuth,clientAuth") ||
      !add_extension(certificate, issuer.get(), NID_subject_key_identifier, "hash") ||
      !add_extension(certificate, issuer.get(), NID_authority_key_identifier, "keyid") ||
      !add_extension(certificate, issuer.get(), NID_subject_alt_name, names) ||
      X509_sign(certificate, issuer_key.get(), EVP_sha256()) == 0) {
    return openssl_error(Code::kInvalidArgument, std::format("issue for {}", node.value));
  }
  return to_pem(certificate, made.key.get());
}

Result<std::string> common_name(const std::string& pem) {
  ASSIGN_OR_RETURN(const Certificate certificate, read_certificate(pem));
  const X509_NAME* name = X509_get_subject_name(certificate.get());
  const int at = X509_NAME_get_index_by_NID(name, NID_commonName, -1);
  if (at < 0) return invalid("certificate without common name");
  unsigned char* text = nullptr;
  const int size =
      ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
  if (size < 0) return openssl_error(Code::kInvalidArgument, "common name");
  std::string result(reinterpret_cast<char*>(text), static_cast<std::size_t>(size));
  OPENSSL_free(text);
  return result;
}

}  // namespace godwit::tls
