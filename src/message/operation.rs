//! The operations that this version answers, by name and tier (01 §6.2).

use crate::access::Tier;

/// An operation that a request can name.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is the operation of that name in the protocol")]
pub enum Operation {
    StoreInsert,
    StoreGet,
    StoreUpdate,
    StoreDelete,
    StoreClear,
    StoreUpsert,
    StoreInsertMany,
    StoreUpdateMany,
    StoreDeleteMany,
    StoreAll,
    StoreWhere,
    StoreFindOne,
    StoreCount,
    StoreFirst,
    StoreLast,
    StorePaginate,
    StoreSum,
    StoreAvg,
    StoreMin,
    StoreMax,
    StoreGroupBy,
    StoreSubscribe,
    StoreUnsubscribe,
    StoreTransaction,
    StoreBuckets,
    StoreStats,
    StoreDefineBucket,
    StoreDropBucket,
    StoreUpdateBucket,
    StoreGetBucketSchema,
    StoreDefineQuery,
    StoreUndefineQuery,
    StoreListQueries,
    RulesEmit,
    RulesSetFact,
    RulesGetFact,
    RulesDeleteFact,
    RulesQueryFacts,
    RulesGetAllFacts,
    RulesSubscribe,
    RulesUnsubscribe,
    ServerStats,
    ServerConnections,
    ServerTopLag,
    ServerExplainSubscription,
    AuthLogin,
    AuthLogout,
    AuthWhoami,
}

/// The part of the server that a name belongs to by its prefix (P-61).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[expect(missing_docs, reason = "each is the prefix of that name")]
pub enum Namespace {
    Store,
    Rules,
    Identity,
    Auth,
    Audit,
    Procedures,
    Server,
    /// No known prefix.
    Other,
}

impl Operation {
    /// The operation of that name, if this version has it.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "store.get" => Self::StoreGet,
            "store.update" => Self::StoreUpdate,
            "store.insert" => Self::StoreInsert,
            "store.transaction" => Self::StoreTransaction,
            "store.delete" => Self::StoreDelete,
            "store.clear" => Self::StoreClear,
            "store.upsert" => Self::StoreUpsert,
            "store.insertMany" => Self::StoreInsertMany,
            "store.updateMany" => Self::StoreUpdateMany,
            "store.deleteMany" => Self::StoreDeleteMany,
            "store.all" => Self::StoreAll,
            "store.where" => Self::StoreWhere,
            "store.findOne" => Self::StoreFindOne,
            "store.count" => Self::StoreCount,
            "store.first" => Self::StoreFirst,
            "store.last" => Self::StoreLast,
            "store.paginate" => Self::StorePaginate,
            "store.sum" => Self::StoreSum,
            "store.avg" => Self::StoreAvg,
            "store.min" => Self::StoreMin,
            "store.max" => Self::StoreMax,
            "store.groupBy" => Self::StoreGroupBy,
            "store.subscribe" => Self::StoreSubscribe,
            "store.unsubscribe" => Self::StoreUnsubscribe,
            "store.buckets" => Self::StoreBuckets,
            "store.stats" => Self::StoreStats,
            "store.defineBucket" => Self::StoreDefineBucket,
            "store.dropBucket" => Self::StoreDropBucket,
            "store.updateBucket" => Self::StoreUpdateBucket,
            "store.getBucketSchema" => Self::StoreGetBucketSchema,
            "store.defineQuery" => Self::StoreDefineQuery,
            "store.undefineQuery" => Self::StoreUndefineQuery,
            "store.listQueries" => Self::StoreListQueries,
            "rules.emit" => Self::RulesEmit,
            "rules.setFact" => Self::RulesSetFact,
            "rules.getFact" => Self::RulesGetFact,
            "rules.deleteFact" => Self::RulesDeleteFact,
            "rules.queryFacts" => Self::RulesQueryFacts,
            "rules.getAllFacts" => Self::RulesGetAllFacts,
            "rules.subscribe" => Self::RulesSubscribe,
            "rules.unsubscribe" => Self::RulesUnsubscribe,
            "server.stats" => Self::ServerStats,
            "server.connections" => Self::ServerConnections,
            "server.topLag" => Self::ServerTopLag,
            "server.explainSubscription" => Self::ServerExplainSubscription,
            "auth.login" => Self::AuthLogin,
            "auth.logout" => Self::AuthLogout,
            "auth.whoami" => Self::AuthWhoami,
            _ => return None,
        })
    }

    /// Its tier; `auth.*` has none.
    pub fn tier(self) -> Option<Tier> {
        match self {
            Self::StoreInsert
            | Self::StoreUpdate
            | Self::StoreDelete
            | Self::StoreClear
            | Self::StoreUpsert
            | Self::StoreInsertMany
            | Self::StoreUpdateMany
            | Self::StoreDeleteMany
            | Self::StoreTransaction => Some(Tier::Write),
            Self::StoreDefineBucket
            | Self::StoreDropBucket
            | Self::StoreUpdateBucket
            | Self::StoreGetBucketSchema
            | Self::StoreDefineQuery
            | Self::StoreUndefineQuery
            | Self::StoreListQueries
            | Self::ServerStats
            | Self::ServerConnections
            | Self::ServerTopLag
            | Self::ServerExplainSubscription => Some(Tier::Admin),
            Self::RulesEmit | Self::RulesSetFact | Self::RulesDeleteFact => Some(Tier::Write),
            Self::AuthLogin | Self::AuthLogout | Self::AuthWhoami => None,
            _ => Some(Tier::Read),
        }
    }
}

impl Namespace {
    /// The namespace of a name: the first prefix that fits, case-sensitive (P-61, P-64).
    pub fn of(name: &str) -> Self {
        let prefix = name.bytes().position(|byte| byte == b'.').map(|end| &name[..end]);
        match prefix {
            Some("store") => Self::Store,
            Some("rules") => Self::Rules,
            Some("identity") => Self::Identity,
            Some("auth") => Self::Auth,
            Some("audit") => Self::Audit,
            Some("procedures") => Self::Procedures,
            Some("server") => Self::Server,
            _ => Self::Other,
        }
    }

    /// Its prefix as messages name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Rules => "rules",
            Self::Identity => "identity",
            Self::Auth => "auth",
            Self::Audit => "audit",
            Self::Procedures => "procedures",
            Self::Server => "server",
            Self::Other => "",
        }
    }
}
