//! The checksum that is computed of each object.

use serde::{Deserialize, Serialize};

use crate::ports::object_store::ChecksumAlgorithm;

/// What is computed of each object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComputeChecksum {
    /// How.
    pub algorithm: DigestAlgorithm,
    /// Of what.
    #[serde(default)]
    pub checksum_type: ChecksumType,
}

/// What a checksum is of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum ChecksumType {
    /// Of all bytes in their order.
    #[default]
    FullObject,
    /// Of the checksums of the parts that the object was uploaded in, in their order.
    Composite,
}

impl ChecksumType {
    /// Every one.
    pub const ALL: [ChecksumType; 2] = [ChecksumType::FullObject, ChecksumType::Composite];

    /// Its name on S3's wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ChecksumType::FullObject => "FULL_OBJECT",
            ChecksumType::Composite => "COMPOSITE",
        }
    }
}

macro_rules! digest_algorithms {
    ($($(#[$doc:meta])* $name:ident => $word:literal, $bytes:literal;)*) => {
        /// How a digest of bytes is computed. Numbers are written big endian.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum DigestAlgorithm {
            $($(#[$doc])* $name,)*
        }

        impl DigestAlgorithm {
            /// Every one.
            pub const ALL: [DigestAlgorithm; [$($word),*].len()] = [$(DigestAlgorithm::$name),*];

            /// Its name on S3's wire.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(DigestAlgorithm::$name => $word,)* }
            }

            /// How many bytes a digest has.
            #[must_use]
            pub fn bytes(self) -> usize {
                match self { $(DigestAlgorithm::$name => $bytes,)* }
            }
        }
    };
}

digest_algorithms! {
    /// CRC-32 as in gzip.
    Crc32 => "CRC32", 4;
    /// CRC-32C (Castagnoli).
    Crc32c => "CRC32C", 4;
    /// CRC-64/NVME.
    Crc64Nvme => "CRC64NVME", 8;
    /// MD5.
    Md5 => "MD5", 16;
    /// SHA-1.
    Sha1 => "SHA1", 20;
    /// SHA-256.
    Sha256 => "SHA256", 32;
    /// SHA-512.
    Sha512 => "SHA512", 64;
    /// XXH64 with the seed 0.
    XxHash64 => "XXHASH64", 8;
    /// XXH3 of 64 bits with the seed 0.
    XxHash3 => "XXHASH3", 8;
    /// XXH3 of 128 bits with the seed 0.
    XxHash128 => "XXHASH128", 16;
}

impl DigestAlgorithm {
    /// Whether there are checksums of parts by it. Source: S3's reference of checksums; a CRC64NVME is always one
    /// of the full object.
    #[must_use]
    pub fn has_composites(self) -> bool {
        self != DigestAlgorithm::Crc64Nvme
    }
}

impl From<ChecksumAlgorithm> for DigestAlgorithm {
    fn from(algorithm: ChecksumAlgorithm) -> Self {
        match algorithm {
            ChecksumAlgorithm::Crc32 => DigestAlgorithm::Crc32,
            ChecksumAlgorithm::Crc32c => DigestAlgorithm::Crc32c,
            ChecksumAlgorithm::Crc64Nvme => DigestAlgorithm::Crc64Nvme,
            ChecksumAlgorithm::Sha1 => DigestAlgorithm::Sha1,
            ChecksumAlgorithm::Sha256 => DigestAlgorithm::Sha256,
        }
    }
}
