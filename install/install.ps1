#Requires -Version 5.1
<#
.SYNOPSIS
Installs f5-guard for OpenAI Codex on Windows.

.DESCRIPTION
Takes the f5-guard.exe next to this script (release archive) or builds it with cargo (checkout), and runs
`f5-guard install` with your options. The default scope is `system`: managed hooks for everybody on this machine, which
needs an elevated PowerShell. This script neither asks for the token nor passes it on or writes it down: every user runs
`f5-guard login`, or sets F5_GUARDRAILS_API_TOKEN in their own environment.

.PARAMETER Scope
system (everybody on this machine, default), user (only you) or project (one repository, see -Directory).

.PARAMETER Directory
The repository of -Scope project. Default: the one around the current folder.

.PARAMETER ManagedDir
Folder of the binary of -Scope system. Default: %ProgramData%\f5-guard.

.PARAMETER InstallUserHooksJson
With -Scope user: register although the machine has managed hooks. Everything is then scanned twice. Refused with
-Scope system, which touches no user's folder: run this script again with -Scope user.

.PARAMETER SkipSmokeTest
Do not try a scan at the end.

.PARAMETER ToolMatcher
Which tools are scanned, as a regular expression of Codex. Default: .* (all).

.PARAMETER PreserveExistingLogFile
Accepted for users of the Python integration. f5-guard never deletes a log file, so this changes nothing.

.PARAMETER FailMode
open or closed. Written into the registered commands, where it wins over every user's environment. So are -BaseUrl,
-ProjectId, -PostStrict, -TimeoutSeconds, -CaBundle, -TokenFile and -OutageMemory.

.PARAMETER HideToken
Keep the variables that hold tokens from the commands that the model runs (scope user).

.PARAMETER Trust
Trust the hooks without asking (scopes user and project; managed hooks need no trust).

.PARAMETER KeepOptions
With -Scope project: keep the options that the repository's registration carries.

.PARAMETER DryRun
Show what would change in every file, and write nothing.

.PARAMETER Binary
The f5-guard.exe to install, instead of the one next to this script or a build.

.EXAMPLE
.\install.ps1 -FailMode closed

.EXAMPLE
.\install.ps1 -Scope user -DryRun
#>
[CmdletBinding(PositionalBinding = $false)]
param(
    [ValidateSet('user', 'project', 'system')]
    [string] $Scope = 'system',
    [string] $Directory,
    [string] $ManagedDir,
    [switch] $InstallUserHooksJson,
    [switch] $SkipSmokeTest,
    [string] $ToolMatcher,
    [switch] $PreserveExistingLogFile,
    [ValidateSet('open', 'closed')]
    [string] $FailMode,
    [string] $BaseUrl,
    [string] $ProjectId,
    [switch] $PostStrict,
    [double] $TimeoutSeconds,
    [string] $CaBundle,
    [string] $TokenFile,
    [ValidateSet('on', 'off')]
    [string] $OutageMemory,
    [switch] $HideToken,
    [switch] $Trust,
    [switch] $KeepOptions,
    [switch] $DryRun,
    [string] $Binary
)

Set-StrictMode -Version 3.0
$ErrorActionPreference = 'Stop'

function Test-Administrator {
    $identity = [Security.Principal.WindowsIdentity]::GetCurrent()
    $principal = New-Object -TypeName Security.Principal.WindowsPrincipal -ArgumentList $identity
    return $principal.IsInRole([Security.Principal.WindowsBuiltInRole]::Administrator)
}

# Runs a program in this window. Its exit code is in $LASTEXITCODE afterwards.
function Invoke-Program([string] $Program, [string[]] $Arguments) {
    # What a program writes to stderr is not an error of this script: some hosts (ISE, remoting) make error records of it.
    $ErrorActionPreference = 'Continue'
    # Nor is an exit code other than 0, which a profile can ask for.
    $PSNativeCommandUseErrorActionPreference = $false
    try {
        & $Program @Arguments
    }
    catch {
        # It did not start: what is in $LASTEXITCODE is an older program's.
        throw "$Program could not be run: $_"
    }
}

# The binary to install: the one named, the one next to this script, or a build of the checkout around it.
function Find-Binary {
    if ($Binary) {
        return (Resolve-Path -LiteralPath $Binary).ProviderPath
    }
    $beside = Join-Path -Path $PSScriptRoot -ChildPath 'f5-guard.exe'
    if (Test-Path -LiteralPath $beside -PathType Leaf) {
        return $beside
    }
    $root = Split-Path -Path $PSScriptRoot -Parent
    $manifest = Join-Path -Path $root -ChildPath 'Cargo.toml'
    if (-not (Test-Path -LiteralPath $manifest -PathType Leaf)) {
        throw "There is no f5-guard.exe in $PSScriptRoot, and no Cargo.toml in $root to build it from."
    }
    if (-not (Get-Command -Name 'cargo' -CommandType Application -ErrorAction SilentlyContinue)) {
        throw 'cargo is needed to build f5-guard: install Rust from https://rustup.rs, or use a release archive.'
    }
    $target = Join-Path -Path $root -ChildPath 'target'
    Write-Host 'Building f5-guard (some minutes the first time)'
    $build = @('build', '--release', '--locked', '--bin', 'f5-guard', '--manifest-path', $manifest, '--target-dir', $target)
    # Otherwise its output would be part of what this function returns.
    Invoke-Program 'cargo' $build | Out-Host
    if ($LASTEXITCODE -ne 0) {
        throw 'The build failed, see above.'
    }
    $built = Join-Path -Path $target -ChildPath 'release\f5-guard.exe'
    if (-not (Test-Path -LiteralPath $built -PathType Leaf)) {
        throw "The build left no $built. Name the built file with -Binary."
    }
    return $built
}

# One argument, `NAME=VALUE`, as it arrives at the program. Windows PowerShell puts quotes around an argument with a
# space in it and escapes nothing: a double quote inside is lost, and a backslash before the last quote escapes it.
function ConvertTo-Argument([string] $Name, [string] $Value) {
    if ($Value.Contains('"')) {
        throw "The value of $Name holds a double quote, which Windows PowerShell can't pass on."
    }
    if ($Value -match '\s' -and $Value.EndsWith('\')) {
        throw "The value of $Name holds a space and ends with a backslash, which Windows PowerShell can't pass on. Omit the backslash."
    }
    return "$Name=$Value"
}

# A folder as people type it, or as the Tab key completes it: C:\My Tools\ is C:\My Tools, and C:\ stays.
function Get-FolderName([string] $Path) {
    if ($Path -match '^[A-Za-z]:\\$') {
        return $Path
    }
    return $Path.TrimEnd('\')
}

if ($env:OS -ne 'Windows_NT') {
    throw 'This script is for Windows. On Linux and macOS run install.sh.'
}
if ($Scope -eq 'system' -and -not $DryRun -and -not (Test-Administrator)) {
    throw 'The system scope needs an elevated PowerShell: start PowerShell with "Run as administrator", or install for yourself with -Scope user.'
}
if ($PreserveExistingLogFile) {
    Write-Host 'Note: -PreserveExistingLogFile changes nothing, because f5-guard never deletes a log file.'
}

# PowerShell takes -Scope User as well as -Scope user; the program does not.
$arguments = @('install', "--scope=$($Scope.ToLowerInvariant())")
# Pass on what was given, even if it is empty: the program says what it can't use.
if ($PSBoundParameters.ContainsKey('ManagedDir')) {
    $arguments += ConvertTo-Argument '--managed-dir' (Get-FolderName $ManagedDir)
}
if ($PSBoundParameters.ContainsKey('ToolMatcher')) {
    $arguments += ConvertTo-Argument '--matcher' $ToolMatcher
}
if ($PSBoundParameters.ContainsKey('FailMode')) {
    $arguments += ConvertTo-Argument '--fail-mode' $FailMode.ToLowerInvariant()
}
if ($PSBoundParameters.ContainsKey('BaseUrl')) {
    $arguments += ConvertTo-Argument '--base-url' $BaseUrl
}
if ($PSBoundParameters.ContainsKey('ProjectId')) {
    $arguments += ConvertTo-Argument '--project-id' $ProjectId
}
if ($PSBoundParameters.ContainsKey('CaBundle')) {
    $arguments += ConvertTo-Argument '--ca-bundle' $CaBundle
}
if ($PSBoundParameters.ContainsKey('TokenFile')) {
    $arguments += ConvertTo-Argument '--token-file' $TokenFile
}
if ($PSBoundParameters.ContainsKey('OutageMemory')) {
    $arguments += ConvertTo-Argument '--outage-memory' $OutageMemory.ToLowerInvariant()
}
if ($PSBoundParameters.ContainsKey('TimeoutSeconds')) {
    # 7.5 and not 7,5, whatever the language of this Windows is.
    $arguments += ConvertTo-Argument '--timeout' $TimeoutSeconds.ToString([Globalization.CultureInfo]::InvariantCulture)
}
if ($InstallUserHooksJson) {
    $arguments += '--also-user'
}
if ($SkipSmokeTest) {
    $arguments += '--skip-smoketest'
}
if ($PostStrict) {
    $arguments += '--post-strict'
}
if ($HideToken) {
    $arguments += '--hide-token'
}
if ($Trust) {
    $arguments += '--trust'
}
if ($KeepOptions) {
    $arguments += '--keep-options'
}
if ($DryRun) {
    $arguments += '--dry-run'
}
if ($PSBoundParameters.ContainsKey('Directory')) {
    $arguments += Get-FolderName (Resolve-Path -LiteralPath $Directory).ProviderPath
}

$program = Find-Binary
Invoke-Program $program $arguments
exit $LASTEXITCODE
